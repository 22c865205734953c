"""`%chat` and `%%chat`: talk to a model from a cell."""

from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class

from nbchat.model.chat import Chat
from nbchat.model.init import init_chat_model
from nbchat.notebook.display import LiveDisplay
from nbchat.notebook.options import cell_parser, given, line_parser, parse
from nbchat.notebook.session import Session
from nbchat.notebook.template import fill
from nbchat.notebook.view import AnswerView
from nbchat.values.errors import ConfigurationError


class Stopped(KeyboardInterrupt):
    """The user stopped the answer. Shown as one line; it stops Run All, as any interrupt does."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@magics_class
class ChatMagics(Magics):
    """The magics of one notebook; `session` holds its model and its conversation."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.names: dict[str, Any] = shell.user_ns
        self.session = Session()

    @line_cell_magic
    def chat(self, line: str, cell: str | None = None) -> Any:
        """`%chat MODEL [options]` sets the session's model; a `%%chat [options]` cell is sent to it."""
        if cell is None:
            self._configure(line)
        else:
            self._ask(line, cell)

    def _configure(self, line: str) -> None:
        options = parse(line_parser(), line)
        settings = given(options, "temperature", "max_tokens")
        if options.model:
            self.session.use(options.model, options.system, settings)
        else:
            self.session.configure(options.system, settings)

    def _ask(self, line: str, cell: str) -> None:
        options = parse(cell_parser(), line)
        if options.to is not None and not options.to.isidentifier():
            raise ConfigurationError(f"--to takes the name of a variable, not {options.to!r}")
        prompt = "".join(str(piece) for piece in fill(cell.strip("\n"), self.names))
        if not prompt.strip():
            raise ConfigurationError("the cell has no prompt: write it below the %%chat line")
        chat = self.session.conversation(new=options.new)
        params = {**self.session.options, **given(options, "system", "temperature", "max_tokens")}
        own = chat.model
        try:
            if options.model:
                chat.model = init_chat_model(options.model)
            show(chat, prompt, **params)
        finally:
            chat.model = own
        if options.to:
            self.names[options.to] = chat.messages[-1]


def show(chat: Chat, prompt: Any, **params: Any) -> None:
    """Ask, and draw the answer into the cell as it comes.

    Raises:
        Stopped: the user pressed stop; what had come stays on screen and in the conversation.
        ChatError: what had come stays on screen as well.
    """
    view = AnswerView(getattr(chat.model, "model", "model"))
    display = LiveDisplay()
    display.draw(view.bundle(streaming=True))
    try:
        for event in chat.stream(prompt, **params):
            view.add(event)
            if display.due():
                display.draw(view.bundle(streaming=True))
    except KeyboardInterrupt:
        view.finish("stopped")
        raise Stopped("stopped; the part that came is kept in the conversation") from None
    except BaseException:
        view.finish("not finished")
        raise
    finally:
        view.finish(view.note)
        display.draw(view.bundle())
