{{/* How to scrape: a dict with root and monitor, which are the values of a ServiceMonitor or a PodMonitor. */}}
{{- define "screenshotmax-exporter.endpoint" -}}
port: {{ include "screenshotmax-exporter.portName" .root }}
path: {{ include "screenshotmax-exporter.metricsPath" .root }}
scheme: {{ include "screenshotmax-exporter.scrapeScheme" . }}
{{- range $key, $value := pick .monitor "interval" "scrapeTimeout" }}
{{- if $value }}
{{ dict $key $value | toYaml }}
{{- end }}
{{- end }}
{{- include "screenshotmax-exporter.access" (merge (dict "service" (not .root.Values.sidecar.enabled)) .) }}
{{- end -}}

{{- define "screenshotmax-exporter.metricsPath" -}}
{{ (include "screenshotmax-exporter.web" . | fromYaml).prefix }}{{ .Values.web.telemetryPath }}
{{- end -}}

{{- define "screenshotmax-exporter.scrapeScheme" -}}
{{ .monitor.scheme | default (include "screenshotmax-exporter.web" .root | fromYaml).scheme }}
{{- end -}}

{{/* What all kinds call alike: a dict with root, monitor, and service, which says that the certificate is the Service's. */}}
{{- define "screenshotmax-exporter.access" -}}
{{- if eq (include "screenshotmax-exporter.scrapeScheme" .) "https" }}
{{- $server := printf "%s.%s.svc" (include "screenshotmax-exporter.fullname" .root) (include "screenshotmax-exporter.namespace" .root) }}
{{- with merge (.monitor.tlsConfig | default dict | deepCopy) (.service | ternary (dict "serverName" $server) dict) }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $key, $value := pick .monitor "basicAuth" "authorization" "honorLabels" "relabelings" "metricRelabelings" }}
{{- if $value }}
{{ dict $key $value | toYaml }}
{{- end }}
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
