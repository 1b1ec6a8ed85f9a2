"""Files in folders, on SFTP servers and in S3 buckets: read once each, written whole or not at all."""
