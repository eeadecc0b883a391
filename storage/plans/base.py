"""What steps on the storage side share."""

from concurrent.futures import Future
from typing import Any

from controlpanel.fleet.actions import ApplyAction, Call, HostAction
from controlpanel.operations.errors import StepError
from controlpanel.operations.futures import with_trouble
from controlpanel.operations.models import Step

from ..drivers import Driver, driver_of
from ..drivers.base import not_now
from ..models import Pool, Volume


class StorageStep(HostAction):
    """A step for the storage side. That the storage is away is no refusal: the step waits."""

    def _send(self, step: Step, call: Call) -> "Future[dict[str, Any]]":
        def told(error: BaseException) -> BaseException:
            return not_now(error) if isinstance(error, StepError) else error

        return with_trouble(super()._send(step, call), told)


class StorageApply(StorageStep, ApplyAction):
    """A batch for the storage side."""

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        try:
            return super().check(answer, host)
        except StepError as error:
            raise not_now(error) from error


def volume_of(step: Step) -> Volume:
    return Volume.objects.select_related("pool__host").get(pk=step.args["volume"])


def pool_driver(step: Step) -> Driver:
    return driver_of(Pool.objects.select_related("host").get(pk=step.args["pool"]))


def credentials_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of an ``apply``'s answer: by volume name, the credentials by host name."""
    return {item["id"]: item.get("answer", {}).get("credentials", {}) for item in answer.get("items", [])}
