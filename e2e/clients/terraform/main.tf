# The example house as Terraform makes it: a role, a function, an agent with an action group, an alias.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "endpoint" { type = string }
variable "lambda" { type = string }
variable "name" { type = string }
variable "description" {
  type    = string
  default = "Looks rooms up."
}
provider "aws" {
  region                  = "us-east-1"
  access_key              = "local"
  secret_key              = "local"
  skip_metadata_api_check = true
  skip_region_validation  = true
  endpoints {
    bedrockagent = var.endpoint
    bedrock      = var.endpoint
    lambda       = var.endpoint
    iam          = var.endpoint
    sts          = var.endpoint
  }
}
data "aws_caller_identity" "me" {}
resource "aws_iam_role" "agent" {
  name               = "${var.name}-role"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "bedrock.amazonaws.com" }, Action = "sts:AssumeRole" }] })
}
resource "aws_iam_role_policy" "model" {
  role   = aws_iam_role.agent.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "bedrock:InvokeModel", Resource = "*" }] })
}
resource "aws_lambda_function" "tools" {
  function_name    = "${var.name}-tools"
  filename         = var.lambda
  source_code_hash = filebase64sha256(var.lambda)
  handler          = "app.handler"
  runtime          = "python3.12"
  role             = aws_iam_role.agent.arn
}
resource "aws_lambda_permission" "agent" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.tools.function_name
  principal     = "bedrock.amazonaws.com"
  source_arn    = aws_bedrockagent_agent.rooms.agent_arn
}
resource "aws_bedrockagent_agent" "rooms" {
  agent_name                  = var.name
  agent_resource_role_arn     = aws_iam_role.agent.arn
  foundation_model            = "anthropic.claude-3-5-sonnet-20241022-v2:0"
  instruction                 = "You look rooms up for the guests of a house and you never guess, not even once."
  description                 = var.description
  idle_session_ttl_in_seconds = 900
  tags                        = { team = "front" }
}
resource "aws_bedrockagent_agent_action_group" "rooms" {
  agent_id                   = aws_bedrockagent_agent.rooms.agent_id
  agent_version              = "DRAFT"
  action_group_name          = "rooms"
  skip_resource_in_use_check = true
  action_group_executor {
    lambda = aws_lambda_function.tools.arn
  }
  function_schema {
    member_functions {
      functions {
        name        = "look"
        description = "Looks whether a room is free."
        parameters {
          map_block_key = "room"
          type          = "string"
          description   = "The room"
          required      = true
        }
      }
    }
  }
}
resource "aws_bedrockagent_agent_alias" "live" {
  agent_id         = aws_bedrockagent_agent.rooms.agent_id
  agent_alias_name = "live"
  depends_on       = [aws_bedrockagent_agent_action_group.rooms]
}
output "agent_id" { value = aws_bedrockagent_agent.rooms.agent_id }
output "alias_id" { value = aws_bedrockagent_agent_alias.live.agent_alias_id }
output "account" { value = data.aws_caller_identity.me.account_id }
