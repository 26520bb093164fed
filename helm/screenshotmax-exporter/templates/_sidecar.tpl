{{/*
For the pods of another chart that has this one as a dependency, with sidecar.enabled. Both take this chart's context,
  index .Subcharts "screenshotmax-exporter"
and docs/kubernetes.md shows them at work. This one is an item for initContainers, or for containers where sidecar.native is false.

No readiness probe and no startup probe: the one would take the pod out of service, the other keep its containers from starting.
*/}}
{{- define "screenshotmax-exporter.sidecar.container" -}}
{{- if not .Values.sidecar.enabled -}}
{{- fail "set sidecar.enabled of screenshotmax-exporter, or it makes pods of its own as well" -}}
{{- end -}}
{{- $user := pick (.Values.podSecurityContext | default dict) "runAsUser" "runAsGroup" -}}
- {{ include "screenshotmax-exporter.container" . | nindent 2 | trim }}
  {{- if .Values.sidecar.native }}
  restartPolicy: Always
  {{- end }}
  securityContext:
    {{- merge (.Values.securityContext | default dict | deepCopy) $user | toYaml | nindent 4 }}
  livenessProbe:
    {{- $calm := dict "periodSeconds" 30 "failureThreshold" 10 -}}
    {{- include "screenshotmax-exporter.probe" (dict "root" . "probe" (merge (.Values.livenessProbe | default dict | deepCopy) $calm) "path" "/-/healthy") | nindent 4 }}
{{- end -}}

{{/* Items for the pod's volumes. */}}
{{- define "screenshotmax-exporter.sidecar.volumes" -}}
{{ include "screenshotmax-exporter.fileVolumes" . }}
{{ include "screenshotmax-exporter.emptyDir" . }}
{{- end -}}
