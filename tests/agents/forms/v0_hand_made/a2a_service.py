async def form(parameters):
    return {"form": "v0_hand_made"}


def create_service():
    return {"custom_handlers": {"form": form}}
