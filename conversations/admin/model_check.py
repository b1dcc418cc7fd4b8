"""Extension of the models' pages: one prompt sent to one model."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from conversations.admin.forms import PromptForm
from conversations.admin.pages import require_permissions
from conversations.evaluation.model_check import try_model
from routing.admin import LLMModelAdmin
from routing.admin.publishing import ExtraPage
from routing.models import LLMModel


def try_view(page: LLMModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Send one prompt to the model, enabled or not; the answer costs its usual price."""
    require_permissions(request, "routing.change_llmmodel")
    model = get_object_or_404(LLMModel, pk=pk)
    form = PromptForm(request.POST or None)
    user = int(request.user.pk or 0)
    valid = request.method == "POST" and form.is_valid()
    trial = try_model(model, form.cleaned_data["prompt"], user=user) if valid else None
    context = {"title": f"Try {model.name}", "form": form, "trial": trial, "model": model}
    return page.framed(request, "conversations/admin/model_try.html", context)


LLMModelAdmin.pages.append(ExtraPage("<int:pk>/try/", "routing_model_try", try_view))
LLMModelAdmin.row_buttons.append("conversations/admin/model_try_button.html")
