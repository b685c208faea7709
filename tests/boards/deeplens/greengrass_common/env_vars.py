"""The core's variables."""

import os

MY_FUNCTION_ARN = os.environ.get("MY_FUNCTION_ARN")
SHADOW_FUNCTION_ARN = "arn:aws:lambda:::function:GGShadowService"
ROUTER_FUNCTION_ARN = "arn:aws:lambda:::function:GGRouter"
SECRETS_MANAGER_FUNCTION_ARN = "arn:aws:lambda:::function:GGSecretManager"
AUTH_TOKEN = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
