"""Results of a job as outcomes of rows."""

from __future__ import annotations

from pydantic_core import to_json

from nbchat.frame.answerer import Answerer
from nbchat.frame.outcome import Outcome
from nbchat.values.errors import BadRequestError, ChatError, ProviderError, StreamError
from nbchat.values.messages import HumanMessage
from nbchat.wire.batch import Job, Result
from nbchat.wire.errors import read_error
from nbchat.wire.untrusted import object_of, text_of


class Reader:
    """Reads the results of one model's jobs, at the price of the Batch API.

    Args:
        answerer: who was asked.
    """

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        target, call = answerer.model.asked([HumanMessage("?")])
        self._codec = target.codec
        self._provider = target.route.endpoint.provider
        self._model = call.model

    def outcome(self, job: Job, result: Result) -> Outcome:
        """What became of one request."""
        if result.body is None:
            return self._failed(self._refusal(job, result))
        try:
            message = self._codec.answer(to_json(result.body), self._provider)
        except Exception as error:  # whatever a server sends in an answer's place is that row's error
            return self._failed(error)
        message.response_metadata.setdefault("model_name", self._model)
        return Outcome(message, cost_usd=self._answerer.cost_usd(message, batch=True), attempts=1)

    def _refusal(self, job: Job, result: Result) -> ChatError:
        said = result.error if isinstance(result.error, str) else text_of(object_of(result.error).get("code"))
        if result.status is None and said.rpartition("_")[2] in ("expired", "cancelled", "canceled"):
            return self._early(job, said.rpartition("_")[2])
        return read_error(self._provider, result.status, {}, result.error or "no reason given")

    def missing(self, job: Job) -> Outcome:
        """What became of a request for which an ended job has no result."""
        if job.why in ("expired", "cancelled"):
            return self._failed(self._early(job, job.why))
        if job.why:
            said = f"{self._name(job)} failed: {job.why}; run it again to ask anew"
            return self._failed(BadRequestError(said, provider=self._provider))
        return self._failed(StreamError(f"{self._name(job)} has no result for this row; run it again to ask anew"))

    def _early(self, job: Job, how: str) -> ProviderError:
        return ProviderError(
            f"{self._name(job)} {'has expired' if how == 'expired' else 'was cancelled'} before this row was answered; "
            "run it again to ask anew",
            provider=self._provider,
            code=how,
        )

    def _name(self, job: Job) -> str:
        return f"{self._provider}'s batch job {job.id}"

    def _failed(self, error: Exception) -> Outcome:
        outcome = Outcome.of_error(error)
        outcome.attempts = 1
        return outcome
