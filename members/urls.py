"""Logging in and one's own account."""

from django.urls import path

from .views import account, confirm, factors, links, people, sessions

app_name = "members"

urlpatterns = [
    path("login/", account.login, name="login"),
    path("login/second/", factors.second_step, name="second_step"),
    path("logout/", account.logout, name="logout"),
    # The admin's own login page knows neither the throttle's message nor what to say when the directory is away.
    path("admin/login/", account.admin_login, name="admin_login"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/confirm/", confirm.confirm_password, name="confirm_password"),
    path("account/sessions/", sessions.own_sessions, name="sessions"),
    path("account/sessions/<int:pk>/end/", sessions.end_session, name="end_session"),
    path("account/support/stop/", sessions.stop_impersonation, name="stop_impersonation"),
    path("account/keys/", account.keys, name="keys"),
    path("account/second-factor/", factors.overview, name="factors"),
    path("account/second-factor/app/", factors.app, name="add_app"),
    path("account/second-factor/key/", factors.key, name="add_key"),
    path("account/second-factor/codes/", factors.codes, name="recovery_codes"),
    path("account/second-factor/codes/new/", factors.new_codes, name="new_codes"),
    path("account/second-factor/<int:pk>/remove/", factors.remove, name="remove_factor"),
    path("account/language/", account.language, name="language"),
    path("invitation/", links.invitation, name="invitation"),
    path("password/forgotten/", links.forgotten, name="forgotten_password"),
    path("password/new/", links.new_password, name="new_password"),
    path("people/", people.members, name="members"),
    path("members/<int:pk>/people/", people.people, name="people"),
    path("members/<int:pk>/people/invite/", people.invite, name="invite"),
    path("members/<int:pk>/people/<int:login_pk>/", people.person, name="person"),
    path("members/<int:pk>/people/<int:login_pk>/switch/", people.switch, name="switch_login"),
    path(
        "members/<int:pk>/invitations/<int:invitation_pk>/resend/",
        people.resend_invitation,
        name="resend_invitation",
    ),
    path(
        "members/<int:pk>/invitations/<int:invitation_pk>/withdraw/",
        people.withdraw_invitation,
        name="withdraw_invitation",
    ),
]
