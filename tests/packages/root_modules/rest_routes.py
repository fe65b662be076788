"""REST routes of the example."""

from arithmetic import calculate
from fastapi import HTTPException
from pydantic import BaseModel


class ProcessRequest(BaseModel):
    """The body of POST /api/process."""

    data: str


class CalculateRequest(BaseModel):
    """The body of POST /api/calculate."""

    a: float
    b: float
    operation: str


def mount(app) -> None:
    """Adds the routes to a FastAPI application."""

    @app.get("/api/status")
    async def status():
        return {"status": "running", "version": "0.1.0", "surfaces": ["rest", "a2a", "ui"]}

    @app.get("/api/health")
    async def health():
        return {"ok": True, "service": "example-agent", "custom": True}

    @app.post("/api/process")
    async def process(request: ProcessRequest):
        text = request.data
        return {"original": text, "processed": text.upper(), "length": len(text)}

    @app.post("/api/calculate")
    def calculate_route(request: CalculateRequest):
        try:
            result = calculate(request.operation, request.a, request.b)
        except ValueError as error:
            raise HTTPException(status_code=400, detail=str(error)) from error
        return {**request.model_dump(), "result": result}
