// The ways in which first events get in: for each the source's table, the rights it needs, and how to try it.
import type { IconName } from '../shell/Icon.svelte';

export interface Way {
  id: string;
  icon: IconName;
  title: string;
  what: string;
  /** The `[[sources]]` table. */
  source: string;
  /** Who may read, in words, and what grants it. */
  rights?: { words: string; code: string };
  /** How to send an event, and what comes of it. */
  attempt?: { code: string; words: string };
}

/** All ways, for a node at `origin` whose source for forwarders is called `push`. */
export function ways(origin: string, push: string): Way[] {
  return [
    {
      id: 'push',
      icon: 'send',
      title: 'Send to Nephoscope',
      what: 'Point a forwarder here, or try one line with curl. Existing Sumo Logic forwarders work with a new URL.',
      source: `[[sources]]\nname = "${push}"\ncollector = "sumo_http"\ntoken = "choose-a-token"`,
      attempt: {
        code: `curl -X POST ${origin}/receiver/v1/http/choose-a-token \\\n  -H 'X-Sumo-Category: hello' \\\n  --data-binary 'ERROR the first event of many'`,
        words: 'The answer is 200 once the event is safe on disk. Each line of the body is an event.',
      },
    },
    {
      id: 'aws',
      icon: 'cloud',
      title: 'Read from AWS',
      what: 'Read the logs of Lambda functions where they are, in CloudWatch. No code in your functions.',
      source: `[[sources]]\nname = "prod-lambda"\ncollector = "aws_cloudwatch_logs"\nregion = "us-east-1"\nlog_group_prefixes = ["/aws/lambda/"]\ncategory = "aws/lambda"\npoll_interval = "5s"`,
      rights: {
        words: 'Credentials come from the usual AWS chain: environment, profile, or role. Reading needs these rights and no others:',
        code: `{\n  "Version": "2012-10-17",\n  "Statement": [{\n    "Effect": "Allow",\n    "Action": ["logs:DescribeLogGroups", "logs:DescribeLogStreams",\n               "logs:FilterLogEvents", "logs:GetLogEvents"],\n    "Resource": "*"\n  }]\n}`,
      },
    },
    {
      id: 'aws-metrics',
      icon: 'cloud',
      title: 'Metrics from AWS',
      what: 'Read what CloudWatch measures: throttles, concurrency, queues, tables. AWS bills each metric that is asked for; Sources shows what that makes a month.',
      source: `[[sources]]\nname = "prod-metrics"\ncollector = "aws_cloudwatch_metrics"\nregion = "us-east-1"\nnamespaces = ["AWS/Lambda", "AWS/SQS"]\ncategory = "aws/metrics"`,
      rights: {
        words: 'Credentials come from the usual AWS chain: environment, profile, or role. Reading needs these rights and no others:',
        code: `{\n  "Version": "2012-10-17",\n  "Statement": [{\n    "Effect": "Allow",\n    "Action": ["cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],\n    "Resource": "*"\n  }]\n}`,
      },
    },
    {
      id: 'google',
      icon: 'cloud',
      title: 'Read from Google Cloud',
      what: 'Read the logs of functions of both generations from Cloud Logging, without a sink, and their metrics from Cloud Monitoring.',
      source: `[[sources]]\nname = "shop-prod"\ncollector = "gcp_cloud_logging"\nproject = "your-project-id"\ncategory = "google/functions"\n\n[[sources]]\nname = "shop-prod-metrics"\ncollector = "gcp_cloud_monitoring"\nproject = "your-project-id"\ncategory = "google/functions"`,
      rights: {
        words: "Credentials come from where Google's tools look: the file that GOOGLE_APPLICATION_CREDENTIALS names, gcloud's login, or the machine. Reading logs needs one role, reading metrics another:",
        code: `for role in roles/logging.viewer roles/monitoring.viewer; do\n  gcloud projects add-iam-policy-binding your-project-id \\\n    --member 'serviceAccount:nephoscope@your-project-id.iam.gserviceaccount.com' \\\n    --role $role\ndone`,
      },
    },
    {
      id: 'azure',
      icon: 'cloud',
      title: 'Read from Azure',
      what: 'Read what function apps write into a storage account, by a diagnostic setting for FunctionAppLogs, and their metrics from Azure Monitor.',
      source: `[[sources]]\nname = "azure-functions"\ncollector = "azure_blob_storage"\naccount = "yourlogs"\ncategory = "azure/functions"\n\n[[sources]]\nname = "azure-function-metrics"\ncollector = "azure_monitor_metrics"\nsubscription = "your-subscription-id"\ncategory = "azure/functions"`,
      rights: {
        words: 'Credentials come from AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or from the managed identity of the machine. Reading logs needs one role, reading metrics another:',
        code: `az role assignment create --role "Storage Blob Data Reader" \\\n  --assignee YOUR-CLIENT-ID \\\n  --scope $(az storage account show --name yourlogs --query id --output tsv)\naz role assignment create --role "Monitoring Reader" \\\n  --assignee YOUR-CLIENT-ID --scope /subscriptions/your-subscription-id`,
      },
    },
    {
      id: 'otlp',
      icon: 'send',
      title: 'OpenTelemetry',
      what: "Let a collector or an SDK export logs and metrics here, over OTLP's HTTP.",
      source: `[[sources]]\nname = "opentelemetry"\ncollector = "otlp"\ntoken = "choose-a-token"`,
      attempt: {
        code: `export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_EXPORTER_OTLP_ENDPOINT=${origin}/receiver/v1/otlp/choose-a-token`,
        words: 'Every SDK and collector reads these two. Traces are refused; logs and metrics are kept.',
      },
    },
  ];
}
