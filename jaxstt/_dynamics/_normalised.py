"""Solvers of diffrax for the LLG: each accepted step ends on |m| = 1."""

import diffrax as dfx
import equinox as eqx

from .._core import normalise


class Normalised(dfx.AbstractWrappedSolver):
    """A diffrax solver whose accepted step ends on |m| = 1."""

    solver: dfx.AbstractSolver

    @property
    def term_structure(self):
        return self.solver.term_structure

    @property
    def interpolation_cls(self):
        return self.solver.interpolation_cls

    @property
    def scan_kind(self):
        # diffrax sets this on the outer solver when it is None; `_prepared` sets the inner one.
        return getattr(self.solver, "scan_kind", None) or "checkpointed"

    @property
    def term_compatible_contr_kwargs(self):
        return self.solver.term_compatible_contr_kwargs

    def order(self, terms):
        return self.solver.order(terms)

    def error_order(self, terms):
        return self.solver.error_order(terms)

    def strong_order(self, terms):
        return self.solver.strong_order(terms)

    def init(self, terms, t0, t1, y0, args):
        return self.solver.init(terms, t0, t1, y0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        y1, error, dense, state, result = self.solver.step(
            terms, t0, t1, y0, args, solver_state, made_jump
        )
        return normalise(y1), error, dense, state, result

    def func(self, terms, t0, y0, args):
        return self.solver.func(terms, t0, y0, args)


def prepared(solver: dfx.AbstractSolver | None, adjoint: dfx.AbstractAdjoint | None) -> Normalised:
    """The wrapped solver with its stage loop made differentiable the way `adjoint` needs it.

    ValueError for a solver that is not explicit and adaptive.
    """
    solver = dfx.Tsit5() if solver is None else solver
    explicit = not isinstance(solver, dfx.AbstractImplicitSolver)
    if not (isinstance(solver, dfx.AbstractAdaptiveSolver) and explicit):
        raise ValueError(
            "`solver` must be an explicit adaptive diffrax solver or FixedStep, "
            f"got {type(solver).__name__}"
        )
    kinds = {dfx.ForwardMode: "lax", dfx.DirectAdjoint: "bounded"}
    kind = None if adjoint is None else kinds.get(type(adjoint))
    if kind is not None and getattr(solver, "scan_kind", "") is None:
        solver = eqx.tree_at(lambda s: s.scan_kind, solver, kind, is_leaf=lambda x: x is None)
    assert solver is not None
    return Normalised(solver)
