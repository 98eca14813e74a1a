# The dashboard, the program, and an image with nothing else in it but a shell and wget for health checks.

FROM node:22-alpine AS dashboard
WORKDIR /src/dashboard
COPY dashboard/package.json dashboard/package-lock.json dashboard/.npmrc ./
RUN npm ci --ignore-scripts
COPY dashboard/ ./
RUN npm run build

FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=dashboard /src/dashboard/dist/ dashboard/dist/
ARG VERSION=dev
# The data folder is made here because the last image has no right to make it.
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/hookline ./cmd/hookline \
 && mkdir /out/data

FROM alpine:3.22
COPY --from=build /out/hookline /usr/local/bin/hookline
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV HOOKLINE_ADDR=0.0.0.0:8080 HOOKLINE_DATA_DIR=/data
WORKDIR /data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["hookline"]
CMD ["serve"]
