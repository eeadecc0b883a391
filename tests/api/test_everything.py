"""What can be done in the browser can be done over REST. A new page has to be named here with its endpoint."""

from tests.api.endpoints import all_endpoints
from tests.security.addresses import patterns

#: Pages of forms and buttons (what is only looked at follows from the collections), and the endpoints that do the same.
PAGES: dict[str, str] = {
    "account/password/": "POST logins/{id}/password/",
    "account/sessions/": "POST logins/{id}/sign-out/",
    "account/keys/": "PATCH logins/{id}/",
    "account/language/": "PATCH logins/{id}/",
    "account/tokens/": "POST tokens/",
    "account/tokens/<int:pk>/revoke/": "DELETE tokens/{id}/",
    "orders/": "GET orders/",
    "orders/<int:pk>/": "GET orders/{id}/",
    "orders/<int:pk>/sites/new/": "POST sites/",
    "orders/<int:pk>/databases/new/": "POST databases/",
    "databases/<int:pk>/": "GET databases/{id}/",
    "databases/<int:pk>/now/": "GET databases/{id}/",
    "databases/<int:pk>/users/new/": "POST databases/{id}/users/",
    "databases/<int:pk>/users/<slug:user>/rotate/": "POST databases/{id}/rotate/",
    "databases/<int:pk>/users/<slug:user>/remove/": "DELETE databases/{id}/users/{user}/",
    "databases/<int:pk>/dump/": "POST databases/{id}/dump/",
    "databases/<int:pk>/dumps/<int:dump>/": "GET databases/{id}/dumps/{dump}/",
    "databases/<int:pk>/dumps/<int:dump>/return/": "POST databases/{id}/restore/",
    "databases/<int:pk>/delete/": "DELETE databases/{id}/",
    "databases/<int:pk>/restore/": "POST databases/{id}/restore/",
    "sites/<int:pk>/": "GET sites/{id}/",
    "sites/<int:pk>/now/": "GET sites/{id}/",
    "sites/<int:pk>/edit/": "PATCH sites/{id}/",
    "sites/<int:pk>/php/": "PATCH sites/{id}/",
    "sites/<int:pk>/wordpress/password/": "POST sites/{id}/application/password/",
    "sites/<int:pk>/logs/": "GET sites/{id}/logs/",
    "sites/<int:pk>/logs/lines/": "GET sites/{id}/logs/",
    "sites/<int:pk>/logs/download/": "GET sites/{id}/logs/download/",
    "sites/<int:pk>/shield/": "POST sites/{id}/shield/",
    "sites/<int:pk>/shield/level/": "POST sites/{id}/shield/",
    "sites/<int:pk>/shield/decline/": "POST sites/{id}/shield/decline/",
    "sites/<int:pk>/shield/traffic/": "GET sites/{id}/shield/",
    "sites/<int:pk>/maintenance/begin/": "POST sites/{id}/maintenance/",
    "sites/<int:pk>/maintenance/end/": "POST sites/{id}/maintenance/",
    "sites/<int:pk>/disable/": "POST sites/{id}/disable/",
    "sites/<int:pk>/enable/": "POST sites/{id}/enable/",
    "sites/<int:pk>/quarantine/": "POST sites/{id}/isolate/",
    "sites/<int:pk>/release/": "POST sites/{id}/release/",
    "sites/<int:pk>/room/open/": "POST sites/{id}/room/",
    "sites/<int:pk>/room/close/": "DELETE sites/{id}/room/",
    "sites/<int:pk>/evidence/": "GET sites/{id}/evidence/",
    "sites/<int:pk>/evidence/<int:evidence_pk>/": "GET sites/{id}/evidence/",
    "sites/<int:pk>/snapshots/take/": "POST sites/{id}/snapshots/",
    "sites/<int:pk>/snapshots/<int:snapshot_pk>/": "GET sites/{id}/changes/",
    "sites/<int:pk>/delete/": "DELETE sites/{id}/",
    "sites/<int:pk>/restore/": "POST sites/{id}/restore/",
    "operations/": "GET operations/",
    "operations/<int:pk>/": "GET operations/{id}/",
    "operations/<int:pk>/live/": "GET operations/{id}/events/",
    "operations/<int:pk>/cancel/": "POST operations/{id}/cancel/",
    "operations/<int:pk>/retry/": "POST operations/{id}/retry/",
    "operations/<int:pk>/steps/<int:position>/skip/": "POST operations/{id}/steps/{position}/skip/",
    "people/": "GET logins/",
    "members/<int:pk>/people/": "GET logins/",
    "members/<int:pk>/people/<int:login_pk>/": "POST accesses/",
    "members/<int:pk>/people/<int:login_pk>/switch/": "POST logins/{id}/deactivate/",
    "members/<int:pk>/people/invite/": "POST invitations/",
    "members/<int:pk>/invitations/<int:invitation_pk>/resend/": "POST invitations/{id}/resend/",
    "members/<int:pk>/invitations/<int:invitation_pk>/withdraw/": "DELETE invitations/{id}/",
    "account/sessions/<int:pk>/end/": "DELETE sessions/{id}/",
    "databases/<int:pk>/usage/": "GET databases/{id}/usage/",
    "orders/<int:pk>/usage/": "GET orders/{id}/usage/",
    "sites/<int:pk>/usage/": "GET sites/{id}/usage/",
    "sites/<int:pk>/certificates/<int:certificate_pk>/retry/": "POST certificates/{id}/retry/",
    "sites/<int:pk>/certificates/<int:certificate_pk>/automatic/": "POST certificates/{id}/automatic/",
    "sites/<int:pk>/certificates/own/": "POST sites/{id}/certificates/",
    "sites/<int:pk>/edge-rules/": "PUT sites/{id}/edge-rules/",
    "history/": "GET audit/",
    "history/export.<slug:form>": "GET audit/csv/",
    "search/": "GET search/",
    "webhooks/": "GET webhooks/",
    "webhooks/new/": "POST webhooks/",
    "webhooks/<int:pk>/": "GET webhooks/{id}/",
    "webhooks/<int:pk>/edit/": "PATCH webhooks/{id}/",
    "webhooks/<int:pk>/deliveries/<int:delivery_pk>/again/": "POST webhooks/{id}/deliveries/{delivery}/resend/",
    "webhooks/(?P<pk>[0-9]{1,18})/(?P<deed>test|rotate|on|off|remove)/": "POST webhooks/{id}/test/",
}
#: Pages that a program has no use for, and why.
ONLY_IN_BROWSERS: dict[str, str] = {
    "": "only leads on",
    "login/": "a program has a token",
    "logout/": "a program has a token",
    "account/": "a list of links; GET logins/me/ says who it is",
    "account/confirm/": "the password once more: of sessions only",
    "invitation/": "of the person who was invited, by a secret link",
    "password/forgotten/": "of the person who forgot it",
    "password/new/": "of the person who forgot it, by a secret link",
    "login/second/": "a program has a token",
    "account/second-factor/": "of the person, with the device at hand; GET logins/me/second-factor/ says what there is",
    "account/second-factor/<int:pk>/remove/": "of the person",
    "account/second-factor/app/": "of the person",
    "account/second-factor/codes/": "of the person",
    "account/second-factor/codes/new/": "of the person",
    "account/second-factor/key/": "of the person",
    "account/support/stop/": "of sessions only",
    "sites/<int:pk>/up/": "a part of the site's page",
    "i18n/setlang/": "the language of the admin's pages",
    "healthz": "no page",
    "readyz": "no page",
    "metrics": "no page",
}


def test_every_page_has_an_endpoint_that_does_the_same() -> None:
    endpoints = {f"{one.method} {one.path.removeprefix('/api/v1/')}" for one in all_endpoints()}
    pages = {pattern for pattern in patterns() if not pattern.startswith(("api/", "admin/"))}

    unknown = pages - PAGES.keys() - ONLY_IN_BROWSERS.keys()
    assert not unknown, f"tests/api/test_everything.py does not say how a program does what {sorted(unknown)} do"
    assert not {page: one for page, one in PAGES.items() if page in pages and one not in endpoints}


def test_nothing_here_is_out_of_date() -> None:
    assert (PAGES.keys() | ONLY_IN_BROWSERS.keys()) <= set(patterns())
