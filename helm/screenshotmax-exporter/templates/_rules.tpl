{{/* The groups of the tested files, less what is disabled, with what is overridden; the files themselves hold no template of Helm. */}}
{{- define "screenshotmax-exporter.ruleGroups" -}}
{{- $values := .Values.prometheusRule -}}
{{- $groups := list -}}
{{- $names := list -}}
{{- range $file := list "files/alerts.yaml" "files/recording.yaml" -}}
{{- range $group := ($.Files.Get $file | fromYaml).groups -}}
{{- $rules := list -}}
{{- range $rule := $group.rules -}}
{{- if $rule.alert }}{{ $names = append $names $rule.alert }}{{ end -}}
{{- if not (has $rule.alert ($values.disabled | default list)) -}}
{{- $rules = append $rules (include "screenshotmax-exporter.rule" (dict "rule" $rule "values" $values) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- if $rules }}{{ $groups = append $groups (set $group "rules" $rules) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range concat ($values.disabled | default list) (keys ($values.overrides | default dict) | sortAlpha) -}}
{{- if not (has . $names) -}}
{{- fail (printf "prometheusRule: there is no alert %s, expected one of %s" . (join ", " $names)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end -}}

{{/* One rule as the values want it: a dict with rule and values. */}}
{{- define "screenshotmax-exporter.rule" -}}
{{- $rule := include "screenshotmax-exporter.withThresholds" (dict "rule" .rule "thresholds" .values.thresholds) | fromYaml -}}
{{- if $rule.alert -}}
{{- $_ := set $rule "labels" (merge (.values.additionalRuleLabels | default dict | deepCopy) $rule.labels) -}}
{{- with .values.runbookUrl }}{{ $_ := set $rule.annotations "runbook_url" (printf "%s/%s.md" (trimSuffix "/" .) $rule.alert) }}{{ end -}}
{{- $rule = mergeOverwrite $rule (get (.values.overrides | default dict) $rule.alert | default dict | deepCopy) -}}
{{- end -}}
{{- toYaml $rule -}}
{{- end -}}

{{/* Where the thresholds stand: for each its default in the files, and of each rule the texts that hold it, with %v in its place. */}}
{{- define "screenshotmax-exporter.thresholds" -}}
manyTasksMissed:
  default: 5
  rules:
    ScreenshotMAXManyTasksMissed: {">= 5": ">= %v"}
runsOnTimeObjective:
  default: 0.99
  rules:
    "screenshotmax:runs_on_time:objective": {"vector(0.99)": "vector(%v)"}
pollFailureWindow:
  default: 3h
  rules:
    ScreenshotMAXPollFailing: {"[3h]": "[%v]", "last three hours": "last %v"}
    ScreenshotMAXUpstreamDenied: {"[3h]": "[%v]"}
snapshotStaleHours:
  default: 3
  rules:
    ScreenshotMAXSnapshotStale: {"> 3 * 3600": "> %v * 3600"}
clockSkewSeconds:
  default: 60
  rules:
    ScreenshotMAXClockSkew: {"> 60": "> %v"}
{{- end -}}

{{/* One rule with the thresholds of the values in place of those in the files: a dict with rule and thresholds. */}}
{{- define "screenshotmax-exporter.withThresholds" -}}
{{- $rule := .rule -}}
{{- $values := .thresholds | default dict -}}
{{- range $name, $threshold := include "screenshotmax-exporter.thresholds" . | fromYaml -}}
{{- $value := get $values $name | default $threshold.default -}}
{{- if ne (toString $value) (toString $threshold.default) -}}
{{- range $old, $new := get $threshold.rules ($rule.alert | default $rule.record) | default dict -}}
{{- $_ := set $rule "expr" (replace $old (printf $new $value) $rule.expr) -}}
{{- with $rule.annotations }}{{ $_ := set . "description" (replace $old (printf $new $value) .description) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $rule -}}
{{- end -}}
