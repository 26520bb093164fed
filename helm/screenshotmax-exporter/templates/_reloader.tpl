{{/* The container that watches the configuration in the exporter's place. Its client checks no certificate, and asks loopback only. */}}
{{- define "screenshotmax-exporter.reloader" -}}
{{- $web := include "screenshotmax-exporter.web" . | fromYaml -}}
{{- with .Values.configReloader -}}
name: config-reloader
image: {{ include "screenshotmax-exporter.imageName" (dict "root" $ "image" .image) }}
imagePullPolicy: {{ .image.pullPolicy }}
args:
  - --config-file=/etc/screenshotmax-exporter/config.yaml
  - --watch-interval={{ .watchInterval }}
  - --reload-url={{ $web.scheme }}://127.0.0.1:{{ $.Values.containerPort }}{{ $web.prefix }}/-/reload
  - --listen-address=:{{ .containerPort }}
  - --log-level={{ $.Values.log.level }}
  - --log-format={{ $.Values.log.format }}
ports:
  - name: reloader-web
    containerPort: {{ .containerPort }}
    protocol: TCP
livenessProbe:
  httpGet:
    path: /healthz
    port: reloader-web
{{- with .resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml (.securityContext | default dict) | nindent 2 }}
volumeMounts:
  - name: screenshotmax-config
    mountPath: /etc/screenshotmax-exporter
    readOnly: true
{{- end -}}
{{- end -}}
