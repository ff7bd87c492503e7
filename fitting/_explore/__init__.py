"""Beyond the covariance: profiles, posterior, coverage."""

from ._coverage import Coverage as Coverage
from ._coverage import coverage as coverage
from ._posterior import Posterior as Posterior
from ._posterior import sample_posterior as sample_posterior
from ._profile import Profile as Profile
from ._profile import profile as profile
