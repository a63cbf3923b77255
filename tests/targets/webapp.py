# SPDX-License-Identifier: BSD-2-Clause
"""A small web application, for gunicorn: one view that burns CPU on one line, one that does what
views do."""
import json

from flask import Flask, jsonify, render_template_string, request

app = Flask(__name__)
PAGE = "{% for item in items %}<p>{{ item.name | upper }}: {{ item.price }}</p>{% endfor %}"


@app.route("/burn")
def burn():
    total = 0
    for i in range(100000): total += i
    return str(total)


@app.route("/page")
def page():
    items = [{"name": "thing %d" % i, "price": i * 1.5} for i in range(20)]
    return render_template_string(PAGE, items=items)


@app.route("/api")
def api():
    return jsonify(json.loads(json.dumps(dict(request.headers))))
