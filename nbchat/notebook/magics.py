"""`%chat` and `%%chat`: talk to a model from a cell."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class

from nbchat.model.chat import Chat
from nbchat.notebook.approval import ask_user
from nbchat.notebook.asking import Question, ask, ask_all, ask_for_value
from nbchat.notebook.commands import run_command
from nbchat.notebook.completion import completions
from nbchat.notebook.display import LiveDisplay
from nbchat.notebook.dry_run import preview
from nbchat.notebook.options import cell_parser, line_parser, parameters, parse
from nbchat.notebook.prompt import content
from nbchat.notebook.render.parts import Page
from nbchat.notebook.session import Session
from nbchat.notebook.template import evaluated, fill
from nbchat.values.errors import ConfigurationError


@magics_class
class ChatMagics(Magics):
    """The magics of one notebook; `session` holds its model and its conversations."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.names: dict[str, Any] = shell.user_ns
        self.session = Session()
        for magic in ("%chat", "%%chat"):
            shell.set_hook("complete_command", self._complete, str_key=magic)

    def _complete(self, _: Any, event: Any) -> list[str]:
        return completions(self.session, self.names, event.line)

    @line_cell_magic
    def chat(self, line: str, cell: str | None = None) -> Any:
        """`%chat MODEL [options]` sets the session's model; a `%%chat [options]` cell is sent to it."""
        if cell is None:
            self._line(line)
        else:
            self._cell(line, cell)

    def _line(self, line: str) -> None:
        if (shown := run_command(self.session, line.split())) is not None:
            LiveDisplay().draw(shown)
            return
        options = parse(line_parser(), line)
        session = self.session
        tools = self._tools(options)
        session.options |= parameters(options)
        if options.model:
            session.use(options.model)
        if options.system is not None:
            session.system = options.system
            for chat in session.chats.values():
                chat.system = options.system
        if tools is not None:
            session.tools = tools
        session.approve = session.approve or options.approve
        session.name = options.chat or session.name

    def _cell(self, line: str, cell: str) -> None:
        options = parse(cell_parser(), line)
        if options.to is not None and not options.to.isidentifier():
            raise ConfigurationError(f"--to takes the name of a variable, not {options.to!r}")
        images = [self._image(given) for given in options.image]
        prompt = content(fill(cell.strip("\n"), self.names), images, options.file)
        if not cell.strip() or (isinstance(prompt, str) and not prompt.strip()):
            raise ConfigurationError("the cell has no prompt: write it below the %%chat line")
        params = {**self.session.options, **parameters(options)}
        named: list[tuple[Any, dict[str, Any]]] = [self.session.made(name, params) for name in options.model]
        chat = self.session.conversation(options.chat, new=options.new, named=named[0][0] if named else None)
        if options.no_history:
            chat = chat.fork()
            chat.reset()
        reply = self._asked(chat, prompt, options, named or [(chat.model, params)])
        if options.to and reply is not None:
            self.names[options.to] = reply

    def _asked(
        self, chat: Chat, prompt: Any, options: argparse.Namespace, made: Sequence[tuple[Any, dict[str, Any]]]
    ) -> Any:
        """The reply to a prompt, drawn as it comes; None for a dry run.

        Args:
            made: the models that are asked, each with its parameters.
        """
        model, params = made[0]
        tools = self._tools(options)
        question = Question(prompt, options.system, params, Page(frozenset(options.allow_host), options.raw))
        own = chat.model, chat.tools, chat.approve
        chat.model, chat.tools = model, self.session.tools if tools is None else tools
        chat.approve = ask_user if options.approve or self.session.approve else None
        try:
            if options.dry_run:
                self._preview(chat, question)
                return None
            if options.schema:
                return ask_for_value(chat, question, self._named(options.schema, "--schema"))
            if len(made) > 1:
                return ask_all(chat, [each for each, _ in made], question)
            return ask(chat, question)
        finally:
            chat.model, chat.tools, chat.approve = own

    def _preview(self, chat: Chat, question: Question) -> None:
        model: Any = chat.model
        model = model.bind_tools(chat.tools) if chat.tools else model
        LiveDisplay().draw(preview(model, question.messages(chat), question.params))

    def _image(self, given: str) -> Any:
        """An image option: a path or an address, else an expression of this notebook."""
        if "://" in given or ("." in given and not any(mark in given for mark in "()[]")):
            return given
        return evaluated(given, self.names)

    def _tools(self, options: argparse.Namespace) -> list[Any] | None:
        if options.tools is None:
            return None
        return [self._named(name.strip(), "--tools") for name in options.tools.split(",") if name.strip()]

    def _named(self, name: str, option: str) -> Any:
        try:
            return evaluated(name, self.names)
        except ConfigurationError as error:
            raise ConfigurationError(f"{option} {name}: {error}") from None
