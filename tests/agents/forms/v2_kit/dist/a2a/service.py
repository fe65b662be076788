import os


async def form(parameters):
    return {"form": os.environ["FORM"]}


def create_service():
    return {"custom_handlers": {"form": form}}
