"""Buckets through boto3 and the AWS CLI."""

import base64
import hashlib
import io
import os
import pathlib
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
import zlib

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from support.agents import ROLE, unique
from support.ledger import zip_of
from support.server import REGION, environment
from support.wait import until

MB = 1 << 20
AWS = shutil.which("aws")


def client(url, key="local", secret="local", **config):
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=REGION)
    return session.client("s3", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}, read_timeout=60, **config))


@pytest.fixture
def s3(server):
    return client(server.url)


@pytest.fixture
def bucket(s3):
    name = unique("bucket").lower()
    s3.create_bucket(Bucket=name)
    return name


def code(call, *args, **more):
    """The code and the status with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(*args, **more)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def body(s3, bucket, key, **more):
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def keys(s3, bucket, **more):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **more)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def test_the_life_of_a_bucket(s3):
    name = unique("life").lower()
    assert code(s3.head_bucket, Bucket=name) == ("404", 404)
    s3.create_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)
    assert name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == REGION
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    s3.put_object(Bucket=name, Key="a/b")
    assert code(s3.delete_bucket, Bucket=name) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=name, Key="a/b")
    s3.delete_bucket(Bucket=name)
    assert code(s3.list_objects_v2, Bucket=name) == ("NoSuchBucket", 404)
    assert code(s3.create_bucket, Bucket="No_Name") == ("InvalidBucketName", 400)
    with pytest.raises(ClientError, match="The specified bucket is not valid") as refused:
        s3.create_bucket(Bucket="No_Name")
    assert refused.value.response["ResponseMetadata"]["RequestId"]


def test_an_object_comes_back_as_it_was_put(s3, bucket):
    made = s3.put_object(
        Bucket=bucket, Key="docs/ä b.txt", Body=b"hello", ContentType="text/plain", CacheControl="no-cache", Metadata={"Colour": "blue"}
    )
    assert made["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert made["ChecksumCRC32"] == base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
    found = s3.get_object(Bucket=bucket, Key="docs/ä b.txt", ChecksumMode="ENABLED")
    assert found["Body"].read() == b"hello"
    assert (found["ContentType"], found["CacheControl"], found["Metadata"]) == ("text/plain", "no-cache", {"colour": "blue"})
    assert (found["ETag"], found["ChecksumCRC32"], found["ContentLength"]) == (made["ETag"], made["ChecksumCRC32"], 5)
    head = s3.head_object(Bucket=bucket, Key="docs/ä b.txt")
    assert (head["ContentLength"], head["ETag"], head["LastModified"]) == (5, made["ETag"], found["LastModified"])
    s3.put_object(Bucket=bucket, Key="docs/ä b.txt", Body=b"")
    assert body(s3, bucket, "docs/ä b.txt") == b""
    s3.delete_object(Bucket=bucket, Key="docs/ä b.txt")
    assert code(s3.get_object, Bucket=bucket, Key="docs/ä b.txt") == ("NoSuchKey", 404)
    assert code(s3.head_object, Bucket=bucket, Key="docs/ä b.txt") == ("404", 404)
    s3.delete_object(Bucket=bucket, Key="docs/ä b.txt")


def test_ranges_and_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]
    for asked, got, span in [("bytes=2-4", b"234", "2-4"), ("bytes=7-", b"789", "7-9"), ("bytes=-2", b"89", "8-9"), ("bytes=8-99", b"89", "8-9")]:
        part = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert (part["Body"].read(), part["ContentRange"]) == (got, f"bytes {span}/10")
        assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert code(s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-") == ("InvalidRange", 416)
    when = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert body(s3, bucket, "k", IfMatch=etag) == body(s3, bucket, "k", IfNoneMatch='"x"') == b"0123456789"
    assert code(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == ("304", 304)
    assert code(s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=when) == ("304", 304)
    assert code(s3.get_object, Bucket=bucket, Key="k", IfMatch='"x"') == ("PreconditionFailed", 412)
    assert code(s3.put_object, Bucket=bucket, Key="k", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code(s3.put_object, Bucket=bucket, Key="k", IfMatch='"x"') == ("PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="k", Body=b"new", IfMatch=etag)
    assert body(s3, bucket, "k") == b"new"


def test_a_body_that_is_not_what_it_says_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"new", ContentMD5=wrong) == ("BadDigest", 400)
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"new", ContentMD5="no") == ("InvalidDigest", 400)
    for algorithm, value in [("CRC32", "AAAAAA=="), ("SHA256", base64.b64encode(bytes(32)).decode())]:
        sent = {f"Checksum{algorithm}": value}
        assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"new", **sent) == ("BadDigest", 400)
    assert body(s3, bucket, "k") == b"old"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums(s3, bucket, algorithm):
    made = s3.put_object(Bucket=bucket, Key="k", Body=b"hello world", ChecksumAlgorithm=algorithm)
    found = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    right = {
        "CRC32": "DUoRhQ==",
        "SHA1": "Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        "SHA256": "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
    }[algorithm]
    assert made[f"Checksum{algorithm}"] == found[f"Checksum{algorithm}"] == right
    assert found["ChecksumType"] == "FULL_OBJECT"


def test_pages_and_groups(s3, bucket):
    names = ["a", "a.txt", "a/1", "a/2", "b/c/1", "b/c/2", "b/d", "z", "ü", "100% sure+", "t\nt"]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name)
    right = sorted(names, key=str.encode)
    assert keys(s3, bucket) == right
    for size in (1, 2, 3, 100):
        assert keys(s3, bucket, PaginationConfig={"PageSize": size}) == right
    assert keys(s3, bucket, Prefix="b/") == ["b/c/1", "b/c/2", "b/d"]
    assert keys(s3, bucket, Prefix="b/c") == ["b/c/1", "b/c/2"]
    assert keys(s3, bucket, StartAfter="a/1", Prefix="a") == ["a/2"]
    for size in (1, 2, 100):
        found, groups = [], []
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}):
            found += [item["Key"] for item in page.get("Contents", [])]
            groups += [group["Prefix"] for group in page.get("CommonPrefixes", [])]
            assert page["KeyCount"] <= size
        assert found == [name for name in right if "/" not in name]
        assert groups == ["a/", "b/"]
        old = s3.get_paginator("list_objects").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size})
        assert [group["Prefix"] for page in old for group in page.get("CommonPrefixes", [])] == ["a/", "b/"]
    inner = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="b/")
    assert [group["Prefix"] for group in inner["CommonPrefixes"]] == ["b/c/"] and [item["Key"] for item in inner["Contents"]] == ["b/d"]
    assert code(s3.list_objects_v2, Bucket=bucket, ContinuationToken="no") == ("InvalidArgument", 400)
    many = [{"Key": name} for name in names]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": many})["Deleted"]) == len(names)
    assert keys(s3, bucket) == []


STRANGE = ["../up", "..", ".", "/etc/passwd", "//", "a//b", "folder/", "x/../../y", "\\windows", "con", "A", "a%2F", "%", "n" * 1024, "c\x01d"]


def test_no_key_leads_out_of_its_bucket(server, s3, bucket):
    before = {path for path in pathlib.Path(server.state).rglob("*") if bucket not in str(path)}
    for name in STRANGE:
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    assert keys(s3, bucket) == sorted(STRANGE, key=str.encode)
    for name in STRANGE:
        assert body(s3, bucket, name) == name.encode(), name
    after = {path for path in pathlib.Path(server.state).rglob("*") if bucket not in str(path)}
    assert {path for path in after - before if path.is_file() and ".sqlite" not in path.name} == set()
    assert code(s3.put_object, Bucket=bucket, Key="n" * 1025) == ("KeyTooLongError", 400)


def test_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"text", ContentType="text/plain", Metadata={"a": "1"})
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})
    found = s3.get_object(Bucket=bucket, Key="to")
    assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (b"text", "text/plain", {"a": "1"})
    s3.copy_object(Bucket=bucket, Key="from", CopySource=f"{bucket}/from", MetadataDirective="REPLACE", Metadata={"b": "2"})
    assert s3.head_object(Bucket=bucket, Key="from")["Metadata"] == {"b": "2"}
    assert code(s3.copy_object, Bucket=bucket, Key="from", CopySource=f"{bucket}/from") == ("InvalidRequest", 400)
    assert code(s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}/nothing") == ("NoSuchKey", 404)


def test_large_files_travel_in_parts(s3, bucket, tmp_path):
    whole = os.urandom(13 * MB + 7)
    file = tmp_path / "large"
    file.write_bytes(whole)
    config = TransferConfig(multipart_threshold=6 * MB, multipart_chunksize=5 * MB)
    s3.upload_file(str(file), bucket, "large", ExtraArgs={"ContentType": "video/mp4", "Metadata": {"a": "b"}}, Config=config)
    head = s3.head_object(Bucket=bucket, Key="large", ChecksumMode="ENABLED")
    parts = [whole[at : at + 5 * MB] for at in range(0, len(whole), 5 * MB)]
    etag = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    assert (head["ETag"], head["ContentType"], head["Metadata"]) == (f'"{etag}-3"', "video/mp4", {"a": "b"})
    s3.download_file(bucket, "large", str(tmp_path / "back"), Config=config)
    assert (tmp_path / "back").read_bytes() == whole
    second = s3.get_object(Bucket=bucket, Key="large", PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"]) == (parts[1], 3)
    s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copy", Config=config)
    assert body(s3, bucket, "copy") == whole


def test_parts_one_by_one(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    of = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    small = s3.upload_part(**of, PartNumber=1, Body=b"one")["ETag"]
    last = s3.upload_part(**of, PartNumber=3, Body=b"three")["ETag"]
    listed = s3.list_parts(**of, MaxParts=1)
    assert (listed["IsTruncated"], [part["PartNumber"] for part in listed["Parts"]], listed["Parts"][0]["Size"]) == (True, [1], 3)
    assert [found["UploadId"] for found in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    assert keys(s3, bucket) == []

    def complete(*parts):
        return {**of, "MultipartUpload": {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]}}

    refused = [
        ("EntityTooSmall", [(1, small), (3, last)]),
        ("InvalidPartOrder", [(3, last), (1, small)]),
        ("InvalidPart", [(2, small)]),
        ("InvalidPart", [(1, last)]),
        ("MalformedXML", []),
    ]
    for right, parts in refused:
        assert code(s3.complete_multipart_upload, **complete(*parts)) == (right, 400)
    assert code(s3.upload_part, **of, PartNumber=10001, Body=b"") == ("InvalidArgument", 400)
    first = s3.upload_part(**of, PartNumber=1, Body=b"1" * 5 * MB)["ETag"]
    s3.complete_multipart_upload(**complete((1, first), (3, last)))
    assert body(s3, bucket, "k") == b"1" * 5 * MB + b"three"
    assert code(s3.upload_part, **of, PartNumber=1, Body=b"") == ("NoSuchUpload", 404)
    other = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=other)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def ask(url, method="GET", data=None, headers=None):
    # urllib names a content type of its own otherwise, which presigned URLs of version 2 do not cover.
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned(server, bucket, version):
    s3 = client(server.url, signature_version=version)
    to = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b+c/ü"})
    assert ask(to, "PUT", b"by url")[0] == 200
    of = {"Bucket": bucket, "Key": "a b+c/ü", "ResponseContentType": "text/csv"}
    assert ask(s3.generate_presigned_url("get_object", Params=of)) == (200, b"by url")


KEYS = """
[keys.app]
access_key = "AKIDEXAMPLE"
secret_env = "APP_SECRET"
"""
SECRET = "a-secret-of-forty-letters-for-the-tests!"


@pytest.fixture
def guarded(new_server):
    server = new_server("serve", config=KEYS, variables={"APP_SECRET": SECRET}).start()
    client(server.url, "AKIDEXAMPLE", SECRET).create_bucket(Bucket="guarded")
    return server


def test_keys_are_verified(guarded, tmp_path):
    right = client(guarded.url, "AKIDEXAMPLE", SECRET)
    name = "a b+c/ü=@~!'()*&$"
    right.put_object(Bucket="guarded", Key=name, Body=b"text")
    assert body(right, "guarded", name) == b"text"
    right.upload_fileobj(io.BytesIO(b"x" * 9 * MB), "guarded", "large")
    assert right.head_object(Bucket="guarded", Key="large")["ContentLength"] == 9 * MB
    assert keys(right, "guarded", Prefix="a b") == [name]
    wrong = client(guarded.url, "AKIDEXAMPLE", "another-secret-of-forty-letters-in-all!!")
    assert code(wrong.get_object, Bucket="guarded", Key=name) == ("SignatureDoesNotMatch", 403)
    assert code(client(guarded.url, "AKIDNOBODY", SECRET).list_buckets) == ("InvalidAccessKeyId", 403)
    assert ask(f"{guarded.url}/guarded/large")[0] in (403, 404)
    for version in ("s3", "s3v4"):
        signer = client(guarded.url, "AKIDEXAMPLE", SECRET, signature_version=version)
        of = {"Bucket": "guarded", "Key": name}
        assert ask(signer.generate_presigned_url("put_object", Params=of), "PUT", b"by url")[0] == 200, version
        good = signer.generate_presigned_url("get_object", Params=of)
        assert ask(good) == (200, b"by url"), version
        assert ask(good.replace("guarded/a", "guarded/b"))[0] == 403
        assert ask(signer.generate_presigned_url("get_object", Params=of, ExpiresIn=-10))[0] in (400, 403)
        assert ask(good, "DELETE")[0] == 403


MAPPED = """
[buckets.manuals]
folder = "manuals"

[buckets.fixed]
folder = "manuals"
read_only = true
"""


def test_a_mapped_folder_shows_its_files(new_server, tmp_path):
    place = tmp_path / "mapped"
    folder = place / "manuals"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "read.md").write_text("# hello")
    (folder / "deep" / "er" / "x.json").write_text("{}")
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    server = new_server("serve", config=MAPPED, folder="mapped").start()
    s3 = client(server.url)
    assert keys(s3, "manuals") == ["deep/er/x.json", "read.md"]
    assert [group["Prefix"] for group in s3.list_objects_v2(Bucket="manuals", Delimiter="/")["CommonPrefixes"]] == ["deep/"]
    found = s3.get_object(Bucket="manuals", Key="read.md")
    assert (found["Body"].read(), found["ContentType"]) == (b"# hello", "text/markdown")
    for key in ("link", "up/secret", "pipe", "empty", "deep/er", "deep/../read.md", "../secret", "deep/er/x.json/y"):
        assert code(s3.get_object, Bucket="manuals", Key=key)[0] == "NoSuchKey", key
    for key in ("../x", "/x", "x/", "a//b", "up/x", "deep", "read.md/x", "deep/./x"):
        assert code(s3.put_object, Bucket="manuals", Key=key, Body=b"x")[1] == 400, key
    assert (tmp_path / "secret").read_text() == "secret" and not (tmp_path / "x").exists()
    s3.put_object(Bucket="manuals", Key="new/note.txt", Body=b"note", Metadata={"a": "b"})
    assert (folder / "new" / "note.txt").read_text() == "note"
    assert s3.head_object(Bucket="manuals", Key="new/note.txt")["Metadata"] == {"a": "b"}
    before = s3.head_object(Bucket="manuals", Key="read.md")["ETag"]
    (folder / "read.md").write_text("# changed")
    assert s3.head_object(Bucket="manuals", Key="read.md")["ETag"] != before
    assert sorted(path.name for path in folder.iterdir()) == ["deep", "empty", "link", "new", "pipe", "read.md", "up"]
    assert code(s3.put_object, Bucket="fixed", Key="x", Body=b"x") == ("AccessDenied", 403)
    assert code(s3.delete_object, Bucket="fixed", Key="read.md") == ("AccessDenied", 403)
    assert body(s3, "fixed", "read.md") == b"# changed"
    assert code(s3.delete_bucket, Bucket="manuals") == ("AccessDenied", 403)


# A server without keys looks at the service only.
SIGNED = "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"


def test_a_kill_in_the_middle_of_a_put_leaves_the_old_object(own):
    s3 = client(own.url)
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="k", Body=b"old", ContentType="text/plain", Metadata={"a": "b"})

    drafts = own.state / "buckets" / ".drafts"
    host, port = own.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as link:
        head = f"PUT /kept/k HTTP/1.1\r\nHost: kept\r\nContent-Length: {8 * MB}\r\nAuthorization: {SIGNED}\r\n\r\n"
        link.sendall(head.encode() + b"new" * MB)
        until(lambda: any(path.stat().st_size for path in drafts.iterdir()), "bytes in a draft")
        own.kill9()
    own.restart()
    found = s3.get_object(Bucket="kept", Key="k")
    assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (b"old", "text/plain", {"a": "b"})
    assert list(drafts.iterdir()) == []
    assert keys(s3, "kept") == ["k"]


def test_virtual_hosts(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"hosted")
    port = server.url.rsplit(":", 1)[1]
    assert ask(f"{server.url}/a/b", headers={"Host": f"{bucket}.s3.localhost:{port}"}) == (200, b"hosted")
    status, text = ask(f"{server.url}/?list-type=2", headers={"Host": f"{bucket}.s3.localhost:{port}"})
    assert status == 200 and b"<Key>a/b</Key>" in text


def chunked(url, bucket, key, frames, trailer, decoded):
    """A body in frames with a checksum behind it, as SDKs send it that do not know the body beforehand."""
    parts = b"".join(f"{len(frame):x}\r\n".encode() + frame + b"\r\n" for frame in frames)
    data = parts + b"0\r\n" + trailer + b"\r\n"
    headers = {
        "Authorization": SIGNED,
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(decoded),
        "x-amz-trailer": "x-amz-checksum-crc32",
        "Content-Encoding": "aws-chunked",
    }
    return ask(f"{url}/{bucket}/{key}", "PUT", data, headers)


def test_checksums_behind_the_body(server, s3, bucket):
    right = b"x-amz-checksum-crc32:DUoRhQ==\r\n"
    assert chunked(server.url, bucket, "k", [b"hello ", b"world"], right, 11)[0] == 200
    found = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (found["Body"].read(), found["ChecksumCRC32"], found.get("ContentEncoding")) == (b"hello world", "DUoRhQ==", None)
    for trailer, decoded, wanted in [
        (b"x-amz-checksum-crc32:AAAAAA==\r\n", 5, b"BadDigest"),
        (b"", 5, b"InvalidRequest"),
        (right, 11, b"IncompleteBody"),
    ]:
        status, text = chunked(server.url, bucket, "k", [b"other"], trailer, decoded)
        assert status == 400 and wanted in text, text
    assert body(s3, bucket, "k") == b"hello world"


@pytest.mark.skipif(not AWS, reason="there is no AWS CLI here")
def test_the_aws_cli(server, s3, bucket, tmp_path):
    variables = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": server.url}

    def aws(*args):
        done = subprocess.run([AWS, "s3", *args], env=environment(**variables), cwd=tmp_path, capture_output=True, text=True, timeout=80)
        assert done.returncode == 0, done.stderr
        return done.stdout

    site = tmp_path / "site"
    (site / "css").mkdir(parents=True)
    (site / "index.html").write_text("<p>")
    (site / "css" / "a.css").write_text("a{}")
    (site / "large").write_bytes(os.urandom(9 * MB))
    aws("sync", "site", f"s3://{bucket}/site")
    assert sorted(keys(s3, bucket)) == ["site/css/a.css", "site/index.html", "site/large"]
    assert aws("sync", "site", f"s3://{bucket}/site") == ""
    assert "PRE css/" in aws("ls", f"s3://{bucket}/site/")
    aws("cp", f"s3://{bucket}/site/large", "back")
    assert (tmp_path / "back").read_bytes() == (site / "large").read_bytes()
    aws("sync", f"s3://{bucket}/site", "copy")
    assert (tmp_path / "copy" / "css" / "a.css").read_text() == "a{}"
    aws("rm", "--recursive", f"s3://{bucket}")
    assert keys(s3, bucket) == []
    aws("rb", f"s3://{bucket}")


def test_functions_come_from_buckets(server, s3, bucket):
    functions = server.functions
    s3.put_object(Bucket=bucket, Key="code/app.zip", Body=zip_of("def handler(event, context): return {'was': event}"))
    name = unique("fn")
    sent = {"FunctionName": name, "Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE}
    functions.create_function(**sent, Code={"S3Bucket": bucket, "S3Key": "code/app.zip"})
    assert functions.invoke(FunctionName=name, Payload=b"1")["Payload"].read() == b'{"was": 1}'
    s3.put_object(Bucket=bucket, Key="code/app.zip", Body=zip_of("def handler(event, context): return 'new'"))
    functions.update_function_code(FunctionName=name, S3Bucket=bucket, S3Key="code/app.zip")
    assert functions.invoke(FunctionName=name, Payload=b"1")["Payload"].read() == b'"new"'
    missing = {"S3Bucket": bucket, "S3Key": "nothing"}
    with pytest.raises(ClientError) as caught:
        functions.update_function_code(FunctionName=name, **missing)
    assert "NoSuchKey" in str(caught.value)


UPSTREAM = """
[upstream]
url = "{url}"
access_key = "AKIDEXAMPLE"
secret_env = "APP_SECRET"
"""


def test_buckets_that_are_elsewhere(guarded, new_server):
    """Another server, which verifies signatures, has the buckets that are not here."""
    far = client(guarded.url, "AKIDEXAMPLE", SECRET)
    far.put_object(Bucket="guarded", Key="code ü/app.zip", Body=zip_of("def handler(event, context): return 'far'"))
    config = UPSTREAM.format(url=guarded.url) + "\n[buckets.here]\nfolder = '.'\n"
    near = new_server("serve", config=config, variables={"APP_SECRET": SECRET}, folder="near").start()
    s3 = client(near.url)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["here"]
    assert keys(s3, "guarded") == ["code ü/app.zip"]
    s3.put_object(Bucket="guarded", Key="k", Body=b"through")
    assert body(far, "guarded", "k") == b"through"
    name = unique("fn")
    code_at = {"S3Bucket": "guarded", "S3Key": "code ü/app.zip"}
    near.functions.create_function(FunctionName=name, Runtime="python3.12", Handler="app.handler", Role=ROLE, Code=code_at)
    assert near.functions.invoke(FunctionName=name)["Payload"].read() == b'"far"'
    with pytest.raises(ClientError) as caught:
        near.functions.update_function_code(FunctionName=name, S3Bucket="guarded", S3Key="none")
    assert "NoSuchKey" in str(caught.value)
