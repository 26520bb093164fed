{{/* How to scrape: a dict with root and monitor, which are the values of a ServiceMonitor or a PodMonitor. */}}
{{- define "screenshotmax-exporter.endpoint" -}}
{{- $web := include "screenshotmax-exporter.web" .root | fromYaml -}}
{{- $scheme := .monitor.scheme | default $web.scheme -}}
{{- $server := printf "%s.%s.svc" (include "screenshotmax-exporter.fullname" .root) (include "screenshotmax-exporter.namespace" .root) -}}
port: {{ include "screenshotmax-exporter.portName" .root }}
path: {{ $web.prefix }}{{ .root.Values.web.telemetryPath }}
scheme: {{ $scheme }}
{{- if eq $scheme "https" }}
{{- $named := .root.Values.sidecar.enabled | ternary dict (dict "serverName" $server) }}
{{- with merge (deepCopy .monitor.tlsConfig) $named }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $key, $value := pick .monitor "interval" "scrapeTimeout" "basicAuth" "authorization" "honorLabels" "relabelings" }}
{{- if $value }}
{{ dict $key $value | toYaml }}
{{- end }}
{{- end }}
{{- with .monitor.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What stands beside the endpoints, of either kind. */}}
{{- define "screenshotmax-exporter.monitorSettings" -}}
jobLabel: {{ .monitor.jobLabel }}
namespaceSelector:
  matchNames:
    - {{ include "screenshotmax-exporter.namespace" .root | quote }}
{{- range $key, $value := pick .monitor "sampleLimit" "labelLimit" "targetLabels" "podTargetLabels" }}
{{- if $value }}
{{ dict $key $value | toYaml }}
{{- end }}
{{- end }}
{{- end -}}
