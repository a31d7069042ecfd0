"""Comments on pull requests and statuses of commits, on GitHub, GitLab, and Forgejo or Gitea.

Each forge is reached through its documented REST API, with a token from a file or the environment. The token goes to
one origin only, and into no text that leaves this package.
"""
