"""Storage's own errors as problem documents."""

from controlpanel.api.problems import Conflict, Unavailable, answer_with

from ..errors import NoPool, StorageError

answer_with(StorageError, lambda error: Conflict(str(error), "storage"))
answer_with(NoPool, lambda error: Unavailable(str(error), "no_storage"))
