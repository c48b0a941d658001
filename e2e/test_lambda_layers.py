"""Layers, through boto3: published, used by functions of every runtime, deleted."""

import io
import json
import shutil
import zipfile

import pytest

from support.agents import ROLE, refused, unique
from support.wait import until


def package(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, content)
    return out.getvalue()


def publish(server, files, **more):
    return server.functions.publish_layer_version(LayerName=unique("layer"), Content={"ZipFile": package(files)}, **more)


def create(server, runtime, files, *layers):
    sent = {"Runtime": runtime, "Handler": "app.handler", "Role": ROLE, "Code": {"ZipFile": package(files)}, "Timeout": 30}
    return server.functions.create_function(FunctionName=unique("fn"), Layers=[one["LayerVersionArn"] for one in layers], **sent)["FunctionName"]


def invoke(server, name):
    answer = server.functions.invoke(FunctionName=name)
    return json.loads(answer["Payload"].read())


PYTHON = """
import court, os, subprocess
def handler(event, context):
    return [court.NAME, subprocess.run(["hello"], capture_output=True, text=True).stdout.strip(), os.path.exists("/opt/python/court.py")]
"""


def mounted(server):
    return "functions do not see the state folder" in server.log()


def test_python_finds_modules_and_programs(server):
    layer = publish(server, {"python/court.py": "NAME = 'grass'", "bin/hello": "#!/bin/sh\necho hello\n"})
    over = publish(server, {"python/court.py": "NAME = 'clay'"})
    assert invoke(server, create(server, "python3.12", {"app.py": PYTHON}, layer)) == ["grass", "hello", mounted(server)]
    name = create(server, "python3.12", {"app.py": PYTHON}, layer, over)
    assert invoke(server, name) == ["clay", "hello", mounted(server)], "the later one wins"
    functions = server.functions
    functions.delete_layer_version(LayerName=over["LayerArn"], VersionNumber=1)
    assert refused(functions.get_layer_version, LayerName=over["LayerArn"], VersionNumber=1)[0] == "ResourceNotFoundException"
    assert invoke(server, name)[0] == "clay", "functions keep what they use"
    functions.update_function_configuration(FunctionName=name, Layers=[layer["LayerVersionArn"]])
    assert invoke(server, name)[0] == "grass"
    assert functions.get_layer_version_by_arn(Arn=layer["LayerVersionArn"])["Content"]["CodeSha256"] == layer["Content"]["CodeSha256"]
    names = [one["LayerArn"] for page in functions.get_paginator("list_layers").paginate() for one in page["Layers"]]
    assert layer["LayerArn"] in names and over["LayerArn"] not in names


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_node_finds_packages(server):
    layer = publish(server, {"nodejs/node_modules/court/index.js": "exports.name = 'grass';"}, CompatibleRuntimes=["nodejs20.x"])
    code = "exports.handler = async () => [require('court').name, require.resolve('court').startsWith('/opt/')];"
    assert invoke(server, create(server, "nodejs20.x", {"app.js": code}, layer)) == ["grass", mounted(server)]


RUNTIME = """#!/usr/bin/env python3
import http.client, os
server = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    server.request("GET", "/2018-06-01/runtime/invocation/next")
    got = server.getresponse()
    got.read()
    body = open(os.environ["LAMBDA_TASK_ROOT"] + "/court.json").read()
    server.request("POST", "/2018-06-01/runtime/invocation/%s/response" % got.getheader("Lambda-Runtime-Aws-Request-Id"), body)
    server.getresponse().read()
"""


def test_a_runtime_may_be_a_layer(server):
    layer = publish(server, {"bootstrap": RUNTIME})
    assert invoke(server, create(server, "provided.al2023", {"court.json": '"clay"'}, layer)) == "clay"


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: shared/}
  Look:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: look
      Runtime: python3.12
      Handler: app.handler
      CodeUri: src/
      Timeout: 30
      Layers: [!Ref Shared]
"""


def test_a_layer_of_a_template_is_a_folder(new_server):
    own = new_server("dev", "template.yaml")
    for file, text in {
        "template.yaml": TEMPLATE,
        "src/app.py": "import court\ndef handler(event, context):\n    return court.NAME\n",
        "shared/python/court.py": "NAME = 'grass'\n",
    }.items():
        (own.folder / file).parent.mkdir(parents=True, exist_ok=True)
        (own.folder / file).write_text(text)
    own.start()
    assert invoke(own, "look") == "grass"
    (layer,) = own.functions.get_function_configuration(FunctionName="look")["Layers"]
    assert layer["Arn"].endswith(":layer:Shared:1")
    (own.folder / "shared/python/court.py").write_text("NAME = 'sand court'\n")
    until(lambda: invoke(own, "look") == "sand court", "the edited layer")


OBJECTS = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Shared:
    Type: AWS::Lambda::LayerVersion
    Properties: {Content: {S3Bucket: builds, S3Key: layers/shared.zip}}
  Look:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: look, Runtime: python3.12, Handler: app.handler, CodeUri: "s3://builds/look.zip", Timeout: 30, Layers: [!Ref Shared]}
"""


def test_a_template_names_objects_in_buckets(new_server, double):
    own = new_server("dev", "template.yaml", config=double.config('[buckets.builds]\nfolder = "builds"\n'))
    (own.folder / "template.yaml").write_text(OBJECTS)
    (own.folder / "builds/layers").mkdir(parents=True)
    (own.folder / "builds/layers/shared.zip").write_bytes(package({"python/court.py": "NAME = 'grass'"}))
    (own.folder / "builds/look.zip").write_bytes(package({"app.py": "import court\ndef handler(event, context):\n    return court.NAME\n"}))
    own.start()
    assert invoke(own, "look") == "grass"
    (layer,) = own.functions.get_function_configuration(FunctionName="look")["Layers"]
    assert layer["Arn"].endswith(":layer:Shared:1")
    (own.folder / "builds/layers/shared.zip").write_bytes(package({"python/court.py": "NAME = 'clay'"}))
    (own.folder / "template.yaml").write_text(OBJECTS + "  # saved again\n")
    until(lambda: invoke(own, "look") == "clay", "the object is read again")
    own.kill9()
    own.restart()
    assert invoke(own, "look") == "clay"
    (own.folder / "template.yaml").write_text(OBJECTS.replace("look.zip", "gone.zip"))
    until(lambda: "s3://builds/gone.zip" in own.log() and "NoSuchKey" in own.log(), lambda: f"what is missing; the log:\n{own.log()}")
    assert invoke(own, "look") == "clay", "what worked goes on"


def test_permissions_of_a_version_are_kept(server):
    functions = server.functions
    layer = publish(server, {"python/court.py": "NAME = 'grass'"})
    named = {"LayerName": layer["LayerArn"], "VersionNumber": layer["Version"]}
    add = {**named, "StatementId": "all", "Action": "lambda:GetLayerVersion", "Principal": "*", "OrganizationId": "o-t194hfs8cz"}
    assert refused(functions.get_layer_version_policy, **named)[0] == "ResourceNotFoundException"
    first = functions.add_layer_version_permission(**add)
    assert json.loads(first["Statement"]) == {
        "Sid": "all",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "lambda:GetLayerVersion",
        "Resource": layer["LayerVersionArn"],
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-t194hfs8cz"}},
    }
    assert refused(functions.add_layer_version_permission, **add)[0] == "ResourceConflictException"
    other = {**named, "StatementId": "one", "Action": "lambda:GetLayerVersion", "Principal": "223456789012"}
    assert refused(functions.add_layer_version_permission, RevisionId="no", **other)[0] == "PreconditionFailedException"
    second = functions.add_layer_version_permission(RevisionId=first["RevisionId"], **other)
    assert json.loads(second["Statement"])["Principal"] == {"AWS": "arn:aws:iam::223456789012:root"}
    told = functions.get_layer_version_policy(**named)
    policy = json.loads(told["Policy"])
    assert told["RevisionId"] == second["RevisionId"] != first["RevisionId"]
    assert (policy["Version"], policy["Id"], [one["Sid"] for one in policy["Statement"]]) == ("2012-10-17", "default", ["all", "one"])
    assert functions.get_layer_version(**named)["LayerVersionArn"] == layer["LayerVersionArn"]
    functions.remove_layer_version_permission(**named, StatementId="all", RevisionId=told["RevisionId"])
    assert refused(functions.remove_layer_version_permission, **named, StatementId="all")[0] == "ResourceNotFoundException"
    functions.remove_layer_version_permission(**named, StatementId="one")
    assert refused(functions.get_layer_version_policy, **named)[0] == "ResourceNotFoundException"
    missing = {**other, "VersionNumber": 9}
    assert refused(functions.add_layer_version_permission, **missing)[0] == "ResourceNotFoundException"
    wrong = {**other, "Action": "lambda:InvokeFunction"}
    assert refused(functions.add_layer_version_permission, **wrong)[0] in ("ValidationException", "InvalidParameterValueException")
