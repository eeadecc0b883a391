"""What every REST endpoint shares: pages, errors, scoping. The endpoints themselves are in each app's ``api``."""

# Settings name these two. Neither may import rest_framework.generics, which asks the settings while it is imported.
from .pagination import Pagination
from .problems import problem_response

__all__ = ["Pagination", "problem_response"]
