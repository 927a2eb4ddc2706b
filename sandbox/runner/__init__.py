"""A small runner: starts the entrypoint as GitHub's runner starts a container action.

    runner = Runner(folder)
    finished = runner.run({"function-name": "checkout"}, {"AWS_ENDPOINT_URL": url, ...})
    finished.status, finished.outputs["result"], finished.summary, finished.post

or step by step, to cancel it or to have it die on the way:

    step = runner.start(inputs, environ)
    step.cancel()
    finished = step.wait()
    after = runner.post(inputs, finished.state, environ)
"""

from sandbox.runner.files import MalformedFile
from sandbox.runner.log import Annotation
from sandbox.runner.runner import Finished, Runner, Step

__all__ = ["Annotation", "Finished", "MalformedFile", "Runner", "Step"]
