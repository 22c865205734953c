"""The one style sheet of everything shown inline: quiet, and at home in light and dark without knowing which it is."""

# Every colour is the host's variable (JupyterLab and nbconvert, then VS Code, then Colab) or is mixed from the text's
# own colour, which is dark on light pages and light on dark ones; an unknown background is taken to be its opposite.
# `&` stands for the selector that outweighs the host's own rules for elements; the rest is plain, so that later styles
# can add to it.
_RULES = """
.nbchat{
--nb-fg:var(--jp-content-font-color1,var(--vscode-editor-foreground,var(--vscode-foreground,var(--colab-primary-text-color,currentColor))));
--nb-bg:var(--jp-layout-color0,var(--vscode-editor-background,var(--colab-primary-surface-color,
oklch(from currentColor calc((.6 - l)*999) 0 0))));
--nb-mute:color-mix(in srgb,var(--nb-fg) 70%,transparent);
--nb-line:color-mix(in srgb,var(--nb-fg) 14%,transparent);
--nb-soft:color-mix(in srgb,var(--nb-fg) 5%,transparent);
--nb-accent:color-mix(in srgb,var(--nb-fg) 28%,#4263eb);
--nb-ok:color-mix(in srgb,var(--nb-fg) 25%,#2b9a40);
--nb-bad:color-mix(in srgb,var(--nb-fg) 22%,#e03c3c);
--nb-warn:color-mix(in srgb,var(--nb-fg) 30%,#d98200);
--nb-mono:var(--jp-code-font-family,var(--vscode-editor-font-family,ui-monospace,"DejaVu Sans Mono",monospace));
color:var(--nb-fg);line-height:1.55;max-width:52em;overflow-wrap:break-word}
.nbchat.wide{max-width:none}
& :is(p,ul,ol,table,.math){margin:.4em 0 .65em}
& li>:is(p,ul,ol){margin:.15em 0}
& :is(h1,h2,h3,h4,h5,h6){margin:1.1em 0 .35em;font:inherit;font-weight:600;line-height:1.3}
& :is(h1,h2,h3){font-size:1.2em}
& h4{font-size:1.08em}
&>:first-child{margin-top:0}
& a{color:var(--nb-accent)}
& blockquote{margin:.6em 0;padding:0 0 0 12px;border-left:2px solid var(--nb-line);color:var(--nb-mute)}
& hr{border:0;border-top:1px solid var(--nb-line);margin:1em 0}
& img{max-width:100%;height:auto}
& :is(pre,code){font:12.5px/1.5 var(--nb-mono);color:inherit;background:var(--nb-soft)}
& code{border-radius:3px;padding:1px 4px}
& pre{border-radius:6px;padding:10px 12px;margin:.6em 0;overflow:auto;white-space:pre}
& details>pre{width:fit-content;max-width:100%;box-sizing:border-box;padding:3px 8px;margin:.3em 0}
& pre code{display:block;background:none;padding:0;white-space:inherit}
& pre[data-lang]::before{content:attr(data-lang);float:right;margin-left:1em;font-size:11px;color:var(--nb-mute)}
& table{border-collapse:collapse;border:0;font-size:.93em;font-variant-numeric:tabular-nums}
& :is(td,th){padding:4px 10px;text-align:left;vertical-align:top;white-space:normal;max-width:none;border:0}
& th{font-weight:600;border-bottom:1px solid var(--nb-mute)}
& [align=right]{text-align:right}
& [align=center]{text-align:center}
& tr{background:none}
& tbody tr:nth-child(even){background:var(--nb-soft)}
& div.math{overflow-x:auto;overflow-y:hidden}
.nbchat .k{color:color-mix(in srgb,var(--nb-fg) 25%,#9b3fd0)}
.nbchat .s{color:color-mix(in srgb,var(--nb-fg) 22%,#2b9348)}
.nbchat :is(.m,.nb){color:color-mix(in srgb,var(--nb-fg) 22%,#c2571a)}
.nbchat .nf{color:color-mix(in srgb,var(--nb-fg) 25%,#2166d8)}
.nbchat :is(.c,.nd){color:var(--nb-mute)}
.nbchat .c{font-style:italic}
.nbchat .gh{font-weight:600}
.nbchat :is(.gi,.ok){color:var(--nb-ok)}
.nbchat :is(.gd,.bad){color:var(--nb-bad)}
.nbchat .warn{color:var(--nb-warn)}
& :is(details,.call){border-left:2px solid var(--nb-line);padding:1px 0 1px 12px;margin:.4em 0;color:var(--nb-mute)}
& :is(summary,.call){display:block;font-size:13px}
& summary{cursor:pointer;width:fit-content}
& summary::-webkit-details-marker{display:none}
.nbchat summary::before{content:"▸ " / ""}
.nbchat [open]>summary::before{content:"▾ " / ""}
.nbchat :is(summary,.call) b{color:var(--nb-fg);font:600 12.5px var(--nb-mono)}
& [scope=row]{border:0;font-weight:400;color:var(--nb-mute)}
.nbchat .said{border-left:2px solid var(--nb-accent);padding-left:12px;margin:1em 0 .6em}
.nbchat .said>b{font-size:12px;font-weight:400;color:var(--nb-mute)}
.nbchat .sources{font-size:12px;color:var(--nb-mute)}
.nbchat .foot{color:var(--nb-mute);font-size:12px;font-variant-numeric:tabular-nums;
border-top:1px solid var(--nb-line);padding-top:6px;margin-top:10px}
.nbchat .foot span{white-space:nowrap}
.nbchat .foot b{color:var(--nb-fg);font-weight:400}
.nbchat[aria-busy=true]>:is(p,h3,h4,h5,h6):last-child::after,
.nbchat[aria-busy=true]>:is(ul,ol):last-child>li:last-child::after{content:"▍" / ""}
"""
SHEET = _RULES.replace("&", ".nbchat:not(#_)").replace("\n", "")


def style_tag() -> str:
    """The `<style>` element, under 5 KB. Put one in every output: outputs are cleared, saved and copied one by one."""
    return f"<style>{SHEET}</style>"
