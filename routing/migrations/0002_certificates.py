import controlpanel.encryption
import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone


def one_a_name(apps, schema_editor):
    """What was one certificate of a site becomes one of each of its names: the same one, until it is renewed."""
    Certificate, Host = apps.get_model("routing", "Certificate"), apps.get_model("fleet", "Host")
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or the table could not be altered in this transaction
    whole = list(Certificate.objects.select_related("backend"))
    for site in whole:
        for route in site.backend.routes.filter(removed=False):
            Certificate.objects.create(
                route=route, state="issued", source="local", chain_pem=site.chain_pem, key_pem=site.key_pem,
                issuer="Control panel", not_after=site.not_after, retry_at=timezone.now(),
            )  # fmt: skip
    Certificate.objects.filter(pk__in=[site.pk for site in whole]).delete()
    if whole:  # edges know them by other names
        Host.objects.filter(roles__contains=["edge"]).update(needs_resync=True)


class Migration(migrations.Migration):

    dependencies = [
        ('fleet', '0001_initial'),
        ('routing', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AcmeAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('directory', models.URLField(max_length=500, unique=True)),
                ('url', models.CharField(blank=True, max_length=500)),
                ('key_pem', controlpanel.encryption.EncryptedTextField()),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('paused_until', models.DateTimeField(blank=True, null=True)),
                ('silences', models.PositiveIntegerField(default=0)),
                ('trouble', models.JSONField(blank=True, default=dict)),
            ],
            options={
                'verbose_name': 'ACME account',
            },
        ),
        migrations.AlterModelOptions(
            name='certificate',
            options={'ordering': ('route__name',)},
        ),
        migrations.AlterField(
            model_name='certificate',
            name='backend',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='certificate', to='routing.backend'),
        ),
        migrations.AddField(
            model_name='certificate',
            name='attempts',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='certificate',
            name='challenge_revision',
            field=models.PositiveBigIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='certificate',
            name='challenge_url',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='certificate',
            name='dns',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='certificate',
            name='dns_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='certificate',
            name='issued_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='certificate',
            name='issuer',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='certificate',
            name='key_authorization',
            field=models.CharField(blank=True, max_length=256),
        ),
        migrations.AddField(
            model_name='certificate',
            name='order_key_pem',
            field=controlpanel.encryption.EncryptedTextField(blank=True),
        ),
        migrations.AddField(
            model_name='certificate',
            name='order_url',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='certificate',
            name='ordered_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='certificate',
            name='retry_at',
            field=models.DateTimeField(blank=True, db_index=True, null=True),
        ),
        migrations.AddField(
            model_name='certificate',
            name='route',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='certificate', to='routing.route'),
        ),
        migrations.AddField(
            model_name='certificate',
            name='source',
            field=models.CharField(blank=True, choices=[('local', "The panel's own authority"), ('acme', 'A public authority'), ('own', 'Uploaded')], max_length=5),
        ),
        migrations.AddField(
            model_name='certificate',
            name='state',
            field=models.CharField(choices=[('waiting', 'Waiting for DNS'), ('due', 'About to be issued'), ('ordered', 'Being issued'), ('issued', 'Issued'), ('failing', 'Failing'), ('leaving', 'To be revoked'), ('revoked', 'Revoked')], default='due', max_length=10),
        ),
        migrations.AddField(
            model_name='certificate',
            name='token',
            field=models.CharField(blank=True, max_length=128),
        ),
        migrations.AddField(
            model_name='certificate',
            name='trouble',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name='certificate',
            name='chain_pem',
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name='certificate',
            name='key_pem',
            field=controlpanel.encryption.EncryptedTextField(blank=True),
        ),
        migrations.AlterField(
            model_name='certificate',
            name='not_after',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunPython(one_a_name, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='certificate',
            name='backend',
        ),
        migrations.RemoveField(
            model_name='certificate',
            name='names',
        ),
        migrations.AlterField(
            model_name='certificate',
            name='route',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='certificate', to='routing.route'),
        ),
    ]
