from src import words


class Service:
    def __init__(self):
        self.custom_handlers = {"form": self.form}

    def form(self, parameters):
        return {"form": words.FORM}


def create_service():
    return Service()
