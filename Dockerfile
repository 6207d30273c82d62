# docker build -t kafka-emulator . && docker run --rm -p 9092:9092 kafka-emulator
FROM python:3.13-slim AS build
COPY . /source
RUN python -m venv /opt/kafka-emulator && /opt/kafka-emulator/bin/pip install --no-cache-dir /source

FROM python:3.13-slim
COPY --from=build /opt/kafka-emulator /opt/kafka-emulator
# Clients are told to come to localhost, where -p has the port; those of other containers need another advertised.listeners.
RUN printf 'listeners: PLAINTEXT://0.0.0.0:9092\nadvertised.listeners: PLAINTEXT://localhost:9092\n' > /etc/kafka-emulator.yaml
RUN useradd --create-home kafka
USER kafka
EXPOSE 9092
ENTRYPOINT ["/opt/kafka-emulator/bin/kafka-emulator"]
CMD ["--config", "/etc/kafka-emulator.yaml"]
