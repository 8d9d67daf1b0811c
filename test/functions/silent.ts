/** Imported first: powertools reads these when a function's module is loaded. TEST_LOG=INFO shows the functions' log. */
process.env.POWERTOOLS_LOG_LEVEL = process.env.TEST_LOG ?? 'SILENT';
process.env.POWERTOOLS_METRICS_DISABLED = 'true';
