"""Models, each of which can be asked one prompt."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path

from conversations.admin.forms import PromptForm
from conversations.admin.pages import desk_page, permit
from conversations.evaluation.model_check import try_model
from routing.admin import LLMModelAdmin
from routing.models import LLMModel


class TriableModelAdmin(LLMModelAdmin):
    """A model's page with the way to its trial."""

    change_form_before_template = "conversations/admin/model_actions.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_view)
        return [path("<int:pk>/try/", view, name="routing_model_try"), *super().get_urls()]

    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send one prompt to the model, enabled or not; its answer costs what it costs."""
        permit(request, "routing.change_llmmodel")
        model = LLMModel.objects.filter(pk=pk).first()
        if model is None:
            raise Http404
        form = PromptForm(request.POST or None)
        valid = request.method == "POST" and form.is_valid()
        trial = try_model(model, form.cleaned_data["prompt"]) if valid else None
        context = {"title": f"Try {model.name}", "form": form, "trial": trial, "model": model}
        return desk_page(self, request, "model_try", context)
