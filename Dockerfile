# Vizeme in a container; it could not be built where it was written, so take it as a draft that was read but not run.
#
#   docker build -t vizeme .
#   docker build -t vizeme --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .     with CUDA: run with --gpus all
#   docker run --rm -v "$PWD/vizeme_home:/home/vizeme/work" -v "$PWD:/in:ro" vizeme process --id anna --video /in/anna.mp4
#
# Data, runs and results lie in /home/vizeme/work ($VIZEME_HOME); mount a folder there that user 1000 may write to.
FROM python:3.12-slim

# mediapipe draws through EGL and GLES, also where there is no screen
RUN apt-get update && apt-get install --yes --no-install-recommends libegl1 libgles2 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /source
COPY requirements.lock ./
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple \
    "$(grep '^torch==' requirements.lock)"
COPY . .
# face-alignment and mediapipe each bring an OpenCV of their own; one is left, which needs no screen
RUN pip install --no-cache-dir --constraint requirements.lock . \
    && pip uninstall --yes opencv-python opencv-contrib-python \
    && pip install --no-cache-dir --force-reinstall --no-deps "$(grep '^opencv-python-headless==' requirements.lock)"

RUN useradd --create-home --uid 1000 vizeme && install -d -o vizeme /home/vizeme/work
USER vizeme
ENV VIZEME_HOME=/home/vizeme/work
WORKDIR /home/vizeme/work
ENTRYPOINT ["vizeme"]
CMD ["--help"]
