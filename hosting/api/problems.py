"""Hosting's own errors as problem documents."""

from controlpanel.api.problems import WHOLE, Problem, answer_with

from ..errors import HostingError


def as_problem(error: HostingError) -> Problem:
    """Its status, its code, and its texts beside the fields that they are about."""
    errors: dict[str, list[str]] = {}
    for problem in error.problems:
        errors.setdefault(problem.field or WHOLE, []).append(problem.text)
    return Problem(error.status, error.code, error.text, None if list(errors) == [WHOLE] else errors)


answer_with(HostingError, as_problem)
