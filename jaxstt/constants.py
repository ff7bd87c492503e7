"""Physical constants, SI (CODATA 2022), as Python floats.

They are combined with each other before they meet an array, so that nothing underflows in float32.
"""

HBAR = 1.054571817e-34
"""Reduced Planck constant, J s."""
E_CHARGE = 1.602176634e-19
"""Elementary charge, C (positive; the carriers have charge -e)."""
MU_B = 9.2740100657e-24
"""Bohr magneton, J/T."""
K_B = 1.380649e-23
"""Boltzmann constant, J/K."""
M_E = 9.1093837139e-31
"""Electron mass, kg."""
MU_0 = 1.25663706127e-6
"""Vacuum permeability, T m/A."""
GAMMA = 2 * MU_B / HBAR
"""Gyromagnetic ratio for g = 2, rad/(s T); the default everywhere."""
GAMMA_MUMAX3 = 1.7595e11
"""mumax3's fixed default, rad/(s T)."""
GAMMA_OOMMF = 2.211e5 / MU_0
"""OOMMF's default 2.211e5 m/(A s), in rad/(s T)."""
EV = E_CHARGE
"""Electronvolt, J."""
