"""The history of what somebody has."""

from django.urls import path

from . import views

app_name = "audit"
urlpatterns = [
    path("", views.history, name="history"),
    path("export.<slug:form>", views.export, name="export"),
]
