from app import FORM
from fastapi import FastAPI

app = FastAPI()


@app.get("/api/form")
async def form():
    return {"form": FORM}
