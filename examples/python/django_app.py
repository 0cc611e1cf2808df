"""Django: a decorator for views, also asynchronous ones. A site in one file, whose settings would have their own.

    keyfob --store keys.redb init --prefix acme
    keyfob --store keys.redb create "CI deploy" --scope orders:read
    gunicorn django_app:app --workers 4
"""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path
from keyfob.django import KeyRequest, key_required

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["keyfob.django"],
    KEYFOB={"PATH": "keys.redb"},
)


@key_required("orders:read")
def orders(request: KeyRequest) -> JsonResponse:
    return JsonResponse({"key": request.keyfob_key.id})


urlpatterns = [path("orders", orders)]
app = get_wsgi_application()
