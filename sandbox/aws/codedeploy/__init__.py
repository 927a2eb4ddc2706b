"""CodeDeploy for Lambda: deployments that really shift an alias, stop on alarms, and roll back.

things    applications, groups, configurations, deployments      model    CodeDeploy: the operations
appspec   what a revision asks for, and what AWS refuses         course   how a deployment goes, on the timeline

Only the Lambda compute platform. Hooks run as functions that say how it went; a rollback's deployment has none.
"""

from sandbox.aws.codedeploy.model import CodeDeploy

__all__ = ["CodeDeploy"]
