from setuptools import setup

setup(name="v2-kit", version="0.5.0", packages=["src"], package_dir={"": "."})
