"""CloudWatch: metrics, the alarms made of them, and the alarms' history.

metrics      datapoints and their statistics          evaluation   M of N and missing data, pure
expression   metric math                              watch        when alarms are looked at
query        a metric or math, one value per period   rule         composite alarms' expressions
alarm        alarms and their state                   reason       StateReason, worded as AWS does
history      what changed, and when                   data         PutMetricData, GetMetricData
validation   what AWS refuses                         model        CloudWatch: the operations
"""

from sandbox.aws.cloudwatch.model import CloudWatch

__all__ = ["CloudWatch"]
