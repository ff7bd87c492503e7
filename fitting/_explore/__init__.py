"""Beyond the covariance: profiles, posterior, coverage, what to measure next."""

from ._coverage import Coverage as Coverage
from ._coverage import coverage as coverage
from ._posterior import Posterior as Posterior
from ._posterior import sample_posterior as sample_posterior
from ._profile import Profile as Profile
from ._profile import profile as profile
from ._what_next import Candidate as Candidate
from ._what_next import WhatNext as WhatNext
from ._what_next import what_next as what_next
