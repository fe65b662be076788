async def form(parameters):
    return {"form": "v3_sdk"}


def create_service():
    return {"custom_handlers": {"form": form}}
