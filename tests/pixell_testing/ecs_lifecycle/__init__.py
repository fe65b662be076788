"""A model of AWS in which ECS tasks live: moto's whole API, with services that start tasks.

`python -m pixell_testing.ecs_lifecycle --port-file F` serves it on a free port of loopback, which
it writes into F. moto keeps services of ECS and starts nothing; here they have tasks that go
through the states of Amazon's documents, in some milliseconds each. What it answers of services and
tasks is what Amazon documents; what is not documented is said where it is decided. It is a model,
not AWS: how long things take and which task ends first is its own.

The files: `world` has the clock and what a test may set, `tasks` the life of a task, `scheduler`
what services do, `deployments` their rollouts, `targets` target groups, `cloud` what moto keeps
besides, `scaling` Application Auto Scaling, `api` and `service_api` the actions, `server` HTTP and the controls, `client` what tests
use.

Time is simulated: nothing happens but when somebody asks, and then everything that was due by now,
one event after the other. So what a test sees depends on when it asks and on nothing else.

Controls, JSON over HTTP:
    POST /_lifecycle/behaviour {"family", "boot", "stop", …}  how tasks that start later behave
    POST /_lifecycle/kill {"task": arn or id, "signal": 9}    a signal to a task's container
    POST /_lifecycle/report {"task", "event", …}              of tasks that are run "outside"
    POST /_lifecycle/settings {…}                             delays, see `world.Settings`
    POST /_lifecycle/limits {…}                               quotas and rates, see `world.Limits`
    POST /_lifecycle/advance {"ms"}                           lets time pass at once
    POST /_lifecycle/reset {"seed"}                           everything as at the start, moto too
    POST /_lifecycle/fork {"port"} -> {"pid"}                 the same once more, in a process
    GET  /_lifecycle/tasks                                    all tasks, also those that ECS forgot
"""
