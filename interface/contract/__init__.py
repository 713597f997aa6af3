"""The API's contract: requests, replies and webhooks as models, and the contract files they are held against."""
