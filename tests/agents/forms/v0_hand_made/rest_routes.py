def mount(app):
    @app.get("/api/form")
    def form():
        return {"form": "v0_hand_made"}
