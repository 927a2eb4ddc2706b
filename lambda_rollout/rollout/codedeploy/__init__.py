"""The same story where AWS CodeDeploy shifts the traffic: docs/codedeploy.md."""
