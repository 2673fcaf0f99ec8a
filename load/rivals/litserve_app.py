# LitServe as in its tutorial:
#
#     MODEL=… PORT=… WORKERS=2 python -m load.rivals.litserve_app
#
# Without annotations: LitServe would interpret them as FastAPI parameters.
# mypy: ignore-errors
import os

import litserve as ls
import numpy as np

from load.rivals.session import Model


class Predictor(ls.LitAPI):
    def setup(self, device):
        self.model = Model()

    def decode_request(self, request):
        return np.array(request["rows"], dtype=np.float32)

    def predict(self, x):
        return self.model.predict(x)

    def encode_response(self, output):
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    workers = int(os.environ["WORKERS"])
    server = ls.LitServer(Predictor(), accelerator="cpu", workers_per_device=workers)
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False)
