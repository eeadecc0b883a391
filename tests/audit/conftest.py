"""People and their clients, as for the API and the pages."""

from tests.api.conftest import api, api_of, login, member, staff_api, staff_login, stranger_api  # noqa: F401
from tests.pages.conftest import browser_of  # noqa: F401
