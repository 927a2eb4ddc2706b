"""A small GitHub on this machine: the few REST routes that a rollout uses, as GitHub describes them.

github = GitHub("octo/shop")
github.add_pull(PullRequest(12, head_sha="9f2c1a…"))
with Server(github) as server:
    ...  # GITHUB_API_URL=server.url, token "ghs_sandbox"
[comment] = github.comments_on(12)
comment.bodies  # everything that it ever said
"""

from sandbox.github.faults import Effect, Fault
from sandbox.github.http import Server
from sandbox.github.world import BOT, Comment, GitHub, PullRequest, Token

__all__ = ["BOT", "Comment", "Effect", "Fault", "GitHub", "PullRequest", "Server", "Token"]
