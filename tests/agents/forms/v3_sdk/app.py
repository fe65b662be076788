def handler(data):
    return data


def mount(app):
    @app.get("/api/form")
    async def form():
        return {"form": "v3_sdk"}
