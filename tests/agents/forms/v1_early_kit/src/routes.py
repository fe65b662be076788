from src import words


def mount(app):
    @app.get("/api/form")
    async def form():
        return {"form": words.FORM}
