"""The API's contract: requests, replies and webhooks as models, and the files they are held against."""
