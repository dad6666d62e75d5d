"""What docs/howto/cluster.md shows is read as it says, and an encrypted cluster is reached as it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import dask
import pytest
import yaml

from graders.executing.cluster import ClusterExecutor
from graders.executing.connecting import read_plan
from tests.cluster.conftest import ROOT, Cluster
from tests.cluster.standin import PACKAGE, StandIn, handed

BLOCKS = re.findall(
    r"```yaml\n(.*?)```", (ROOT / "docs" / "howto" / "cluster.md").read_text(encoding="utf-8"), re.DOTALL
)


def test_each_file_in_the_document_is_read(tmp_path: Path) -> None:
    names = []
    for block in BLOCKS:
        assert list(yaml.safe_load_all(block)), block
        if block.startswith("cluster:"):
            path = tmp_path / "cluster.yml"
            path.write_text(block, encoding="utf-8")
            names.append(read_plan(path).cluster)
    assert names == [
        "distributed.LocalCluster",
        "dask_jobqueue.SLURMCluster",
        "dask_kubernetes.operator.KubeCluster",
        "dask_gateway.GatewayCluster",
    ]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_an_encrypted_cluster_is_reached_with_the_certificates_of_the_configuration(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=grading"]
    subprocess.run([*make, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    (block,) = (block for block in BLOCKS if "require-encryption" in block)
    text = block.replace("/etc/dask/ca.pem", str(cert)).replace("/etc/dask", str(tmp_path))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dask.yaml").write_text(text)
    cluster = Cluster(tmp_path, "tls", DASK_CONFIG=str(tmp_path / "config"))
    try:
        cluster.start_worker("--protocol", "tls")
        assert cluster.address.startswith("tls://")
        with dask.config.set(dask.config.merge(dask.config.config, yaml.safe_load(text))):
            executor = ClusterExecutor(cluster.address, StandIn)
            assert executor.submit(PACKAGE, handed("1"), "1").result(60).notebooks[0].text == "1"
            executor.close()
    finally:
        cluster.close()
